"""Habits that users of other codecs bring along."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.container import Header, Writer
from tests.cli.conftest import RATE_HZ, Ran

Codec = Callable[..., Ran]
Write = Callable[..., Path]


def test_versions_and_help(codec: Codec) -> None:
    assert codec("-V").stdout.startswith(b"codec ")
    facts = json.loads(codec("version", "--json").stdout)
    assert {"codectool", "python", "system", "numpy", "libsndfile"} <= set(facts)
    assert b"python" in codec("version").stdout
    assert codec("help", "encode").stdout == codec("encode", "--help").stdout
    assert b"fetch" in codec("help", "models").stdout
    assert codec("help", "nonsense").code == 2
    assert codec("help").stdout == codec("--help").stdout


def test_help_is_in_sections_that_fit_80_columns(codec: Codec) -> None:
    for command in ("encode", "decode"):
        lines = codec(command, "--help").stdout.decode().splitlines()
        assert [line for line in lines if line.endswith(":") and not line.startswith(" ")][-2:] == [
            "Model and machine:",
            "Folders and several inputs:",
        ]
        assert max(map(len, lines)) <= 80


def test_starting_imports_nothing_heavy(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    program = (
        "import sys; from codectool.__main__ import run; run(['-V']); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'soundfile', 'tqdm')))"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=60)


def test_stdout_leave_and_remove(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=4800)
    coded = codec("encode", "in.wav", "-c", "-q").stdout
    assert codec("encode", "in.wav").code == 0
    assert coded == Path("in.ecdc").read_bytes()
    assert codec("encode", "in.wav", "-c", "-o", "x.ecdc").code == 2
    Path("in.ecdc").write_bytes(b"another")
    left = codec("encode", "in.wav", "-n")
    assert (left.code, Path("in.ecdc").read_bytes()) == (0, b"another")
    assert codec("encode", "in.wav", "-f", "--rm").code == 0
    assert not Path("in.wav").exists()
    assert codec("decode", "in.ecdc", "--rm").code == 0
    assert [path.name for path in Path().iterdir()] == ["in.wav"]
    for refused in ("encode in.wav - --rm", "decode in.ecdc --start 1 --rm"):
        assert "--rm" in codec(*refused.split()).complaint()


def test_a_folder_removes_what_is_done_and_whole(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        write_wav(f"in/{name}.wav", samples=2400)
    Path("in/broken.wav").write_bytes(b"x")
    assert codec("encode", "in", "out", "--rm", "--jobs", "1", "-q").code == 1
    assert sorted(path.name for path in Path("in").iterdir()) == ["broken.wav"]
    assert codec("verify", "out", "-q").code == 0


def test_json_of_one_file(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=4800)
    facts = json.loads(codec("encode", "in.wav", "--json").stdout)
    assert (facts["file"], facts["output"], facts["duration_s"]) == ("in.wav", "in.ecdc", 0.2)
    assert facts["warnings"] == []
    assert json.loads(codec("decode", "in.ecdc", "-o", "back.wav", "--json").stdout)["rate_hz"] == RATE_HZ
    assert json.loads(codec("trim", "in.ecdc", "low.ecdc", "-b", "3k", "--json").stdout)["bytes_written"] > 0
    assert json.loads(codec("tokens", "in.ecdc", "t.npy", "--json").stdout)["shape"] == [8, 16]
    for command in ("encode in.wav", "decode in.ecdc", "trim in.ecdc -b 3k", "tokens in.ecdc"):
        ran = codec(*command.split(), "-o", "-", "--json")
        assert (ran.code, ran.stdout) == (2, b"")
        assert "name a file" in ran.complaint()


def test_tags_change_without_encoding_anew(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=4800)
    codec("encode", "in.wav", "in.ecdc", "--tag", "Title=A", "--tag", "ALBUM=B", "--tag", "mood=blue")
    assert codec("tag", "in.ecdc").stdout == b"album=B\nmood=blue\ntitle=A\n"
    assert codec("tag", "in.ecdc", "TITLE=New", "mood=", "Genre=Folk").code == 0
    assert codec("tag", "in.ecdc").stdout == b"album=B\ngenre=Folk\ntitle=New\n"
    assert codec("verify", "in.ecdc").code == 0
    assert codec("tag", "in.ecdc", "--clear", "-o", "bare.ecdc").code == 0
    assert codec("tag", "bare.ecdc", "tracknumber=3", "date=1999").code == 0
    assert codec("tag", "bare.ecdc", "Track=5", "year=").code == 0  # other names of the same two
    assert codec("tag", "bare.ecdc").stdout == b"tracknumber=5\n"
    assert codec("tag", "bare.ecdc", "--clear").code == 0
    codec("encode", "-f", "in.wav", "plain.ecdc")
    assert Path("bare.ecdc").read_bytes() == Path("plain.ecdc").read_bytes()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_tags_go_there_and_back_or_are_said_to_be_dropped(codec: Codec, suffix: str) -> None:
    tags = {"title": "Ä", "artist": "B", "album": "C", "tracknumber": "7", "genre": "Rock", "comment": "D"}
    with soundfile.SoundFile(f"in.{suffix}", "w", RATE_HZ, 1) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        file.write(np.zeros(RATE_HZ))
    room = {"title", "artist", "comment"} if suffix == "aiff" else set(tags)
    assert codec("encode", f"in.{suffix}", "out.ecdc", "--tag", "mood=blue").code == 0
    found = dict(line.split("=") for line in codec("tag", "out.ecdc").stdout.decode().splitlines())
    assert found == {"mood": "blue"} | {name: tags[name] for name in room}
    codec("encode", "-f", f"in.{suffix}", "out.ecdc", *(f"--tag={name}={tags[name]}" for name in tags))
    ran = codec("decode", "out.ecdc", f"back.{suffix}", "-q")
    dropped = ", ".join(sorted(set(tags) - room))
    assert ran.stderr == (
        f"codec: warning: back.{suffix}: its format has no room for the tags {dropped}: they are dropped\n"
        if dropped
        else ""
    )
    with soundfile.SoundFile(f"back.{suffix}") as file:
        assert {name: getattr(file, name) for name in room} == {name: tags[name] for name in room}


def test_clashing_names_are_all_told_and_the_rest_is_done(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    for name in ("a.wav", "a.flac", "b.wav", "b.aiff", "c.wav"):
        write_wav("x.wav", samples=100)
        soundfile.write(f"in/{name}", np.zeros(100), RATE_HZ)
    ran = codec("encode", "in", "out", "--jobs", "1")
    assert ran.code == 1
    assert ran.stderr.count("would both become") == 4
    assert [path.name for path in Path("out").iterdir()] == ["c.ecdc"]
    assert codec("encode", "in", "kept", "--keep-suffix", "--jobs", "1").code == 0
    assert {path.name for path in Path("kept").iterdir()} == {
        f"{path.name}.ecdc" for path in Path("in").iterdir()
    }
    assert codec("encode", "in/c.wav", "--keep-suffix").code == 0
    assert Path("in/c.wav.ecdc").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="links as Unix has them")
def test_what_a_folder_leaves_out_is_counted(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    write_wav("in/a.wav", samples=100)
    for name in ("b.m4a", "c.M4A", "d.wma", "e", ".hidden"):
        Path("in", name).touch()
    Path("in/f.wav").symlink_to("nowhere")
    said = codec("encode", "in", "out", "--jobs", "1").stderr
    assert "left out: 2 .m4a, " in said
    assert all(words in said for words in ("1 .wma", "1 without a suffix", "1 dead links", "ffmpeg -i IN"))


def test_lists(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        write_wav(f"in/{name}.wav", samples=100)
    Path("marked").write_bytes(b"\xef\xbb\xbfa.wav\n")
    Path("zeros").write_bytes(b"a.wav\0in/b.wav\0")
    marked = codec("encode", "in", "out", "--dry-run", "--files-from", "marked")
    assert marked.stdout == b"planned: in/a.wav -> out/a.ecdc\n"
    zeros = codec("encode", "in", "out", "--dry-run", "--files-from", "zeros", "-0")
    assert zeros.stdout.splitlines()[1] == b"planned: in/b.wav -> out/b.ecdc"


def test_times_rates_and_shares(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=70 * RATE_HZ, channels=2)
    said = codec("encode", "in.wav", "--channels", "keep").stderr
    assert "2 channels share the rate: 3 kbps each" in said
    assert codec("decode", "in.ecdc", "part.wav", "--start", "1:05", "--duration", "0:02.5").code == 0
    assert soundfile.info("part.wav").frames == 2.5 * RATE_HZ
    assert "write 90, 1:30" in codec("decode", "in.ecdc", "x.wav", "--start", "1:2:3:4").complaint()
    Path("in.raw").write_bytes(bytes(8000))
    warned = codec("encode", "in.raw", "r.ecdc", "--raw", "s16be", "--rate", "44", "--channels", "1").stderr
    assert "--sample-rate 44 is 44 Hz; for kHz write 44k" in warned
    assert (
        codec("encode", "-f", "in.raw", "r.ecdc", "--raw", "u8", "--rate", "44.1k", "--channels", "1").code
        == 0
    )
    assert b"44100" in codec("info", "r.ecdc").stdout


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a null device")
def test_devices_need_no_suffix_and_formats_can_be_named(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=4800)
    codec("encode", "in.wav", "in.ecdc")
    assert codec("decode", "in.ecdc", "/dev/null").code == 0
    assert codec("decode", "in.ecdc", "plain", "--to", "flac").code == 0
    assert soundfile.info("plain").format == "FLAC"
    assert codec("decode", "in.ecdc", "--to", "aiff").code == 0
    assert soundfile.info("in.aiff").format == "AIFF"


def test_opus_is_resampled_to_what_it_knows(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    write_wav("in/a.wav", samples=44_100, rate_hz=44_100)
    assert codec("encode", "in", "out", "--jobs", "1").code == 0
    assert codec("decode", "out", "back", "--to", "opus", "--jobs", "1").code == 0
    assert soundfile.info("back/a.opus").samplerate == 48_000
    assert abs(soundfile.info("back/a.opus").frames - 48_000) < 50
    assert "1 skipped" in codec("decode", "out", "back", "--to", "opus", "--jobs", "1").stderr


@pytest.mark.parametrize("shape", [(8, 11), (1, 8, 11)])
def test_codes_from_elsewhere_become_a_file(codec: Codec, shape: tuple[int, ...]) -> None:
    codes = np.random.default_rng(0).integers(0, 1024, shape)
    np.save("codes.npy", codes)
    assert "name the model" in codec("tokens", "codes.npy", "out.ecdc").complaint()
    more = "--model", "base_24khz", "--rate", "44.1k"
    assert codec("tokens", *more, "codes.npy", "out.ecdc").code == 0
    assert codec("verify", "out.ecdc").code == 0
    assert codec("decode", "out.ecdc", "out.wav").code == 0
    assert (soundfile.info("out.wav").samplerate, soundfile.info("out.wav").frames) == (44_100, 5880)
    assert codec("tokens", "out.ecdc", "back.npy").code == 0
    np.testing.assert_array_equal(np.load("back.npy"), codes.reshape(8, 11))
    codec("tokens", *more, "--samples", "5700", "codes.npy", "-f", "-o", "out.ecdc")
    assert b"5700" in codec("info", "out.ecdc").stdout


def test_tokens_go_through_pipes(codec: Codec, write_wav: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(samples=4800)
    codec("encode", "in.wav", "in.ecdc")
    stored = codec("tokens", "in.ecdc", "-", "-q").stdout
    Path("stored").write_bytes(stored)
    with Path("stored").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert codec("tokens", "-", "-", "-q").stdout == Path("in.ecdc").read_bytes()


def test_models_say_where_they_are_and_are_removed(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODECTOOL_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    place = Path("cache/codectool/encodec_24khz.safetensors")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    assert codec("models", "path", "encodec_24khz").stdout.decode().strip() == str(place)
    assert codec("models", "remove", "encodec_24khz").code == 0
    assert not place.exists()
    assert codec("models", "path", "encodec_24khz").code == 5
    assert codec("models", "remove", "base_24khz").code == 5


def test_playing_needs_a_player(codec: Codec, write_wav: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(samples=100)
    codec("encode", "in.wav")
    monkeypatch.setenv("PATH", "")
    assert "no player is here" in codec("play", "in.ecdc").complaint()


@pytest.mark.skipif(sys.platform == "win32", reason="a player that is a shell script")
def test_playing_sends_a_wav_to_a_player(
    codec: Codec, write_wav: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wav(samples=2400)
    codec("encode", "in.wav")
    Path("bin").mkdir()
    Path("bin/aplay").write_text("#!/bin/sh\nexec /bin/cat > played.wav\n")
    Path("bin/aplay").chmod(0o755)
    monkeypatch.setenv("PATH", str(Path("bin").absolute()))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    assert codec("play", "in.ecdc", "--start", "0.05").code == 0
    assert soundfile.read("played.wav")[0].shape == (1200,)
    Path("in.ecdc").rename("-in.ecdc")
    assert codec("play", "--", "-in.ecdc").code == 0
    assert soundfile.read("played.wav")[0].shape == (2400,)


def test_headers_of_unknown_models_are_still_shown(codec: Codec) -> None:
    header = Header("later", bytes(8), 24_000, 320, 10, 99, 1, 24_000, 1)
    with Path("later.ecdc").open("wb") as file:
        Writer(file, header).finish(0)
    assert codec("info", "later.ecdc").code == 0

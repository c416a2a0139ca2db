"""What the commands say: in our words, never a terminal's commands, and warnings even under -q."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import RATE_HZ, Ran

Codec = Callable[..., Ran]
Write = Callable[..., Path]
ESCAPE = "\x1b[31mred\nnew line\x07"


@pytest.mark.skipif(sys.platform == "win32", reason="names as Unix has them")
def test_names_do_not_command_a_terminal(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    write_wav().rename(Path("in", f"{ESCAPE}.wav"))
    Path("in", f"broken{ESCAPE}.wav").write_bytes(b"x")
    said = codec("encode", "in", "out", "--jobs", "1")
    assert said.code == 1
    ran = [said, codec("verify", f"out/{ESCAPE}.ecdc"), codec("verify", f"absent{ESCAPE}")]
    ran += [codec("encode", f"absent{ESCAPE}.wav", "x.ecdc"), codec("info", f"absent{ESCAPE}")]
    for one in ran:
        text = one.stdout.decode() + one.stderr
        assert "\x1b" not in text
        assert "\x07" not in text
        assert not any(line.startswith("new line") for line in text.splitlines())
        assert r"\x1b[31mred\x0anew line\x07" in text or one is said


def test_warnings_are_not_quiet_and_notes_are(codec: Codec) -> None:
    audio = np.zeros((2 * RATE_HZ, 2), np.float32)
    audio[:4, 0] = np.nan, np.inf, 2.0**17, 4.0
    soundfile.write("in.wav", audio, 2 * RATE_HZ, subtype="FLOAT")
    said = codec("encode", "in.wav", "out.ecdc", "-q").stderr
    assert "warning: in.wav: 2 samples were not finite numbers" in said
    assert "warning: in.wav: 1 samples were over 65536 times full scale" in said
    assert "warning: in.wav: reaches 12.0 dB over full scale" in said
    assert "12 kHz" not in said
    assert "nothing above 12 kHz is kept" in codec("encode", "-f", "in.wav", "out.ecdc").stderr
    refused = codec("encode", "in.wav", "strict.ecdc", "--strict")
    assert (refused.code, Path("strict.ecdc").exists()) == (3, False)
    assert "in.wav: 2 samples were not finite" in refused.complaint()


def test_a_folder_run_tells_its_warnings(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    cut = write_wav("in/cut.wav")
    cut.write_bytes(cut.read_bytes()[:-1001])
    ran = codec("encode", "in", "out", "--jobs", "1")
    warning, summary = ran.stderr.splitlines()
    assert (
        warning == "codec: warning: in/cut.wav: ends 1001 bytes before its header says; what is there is used"
    )
    assert summary.endswith("warnings of 1")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("encode in.wav out.ecdc --device tpu", "not usable here; these are: cpu"),
        ("encode in.wav out.ecdc --model encodec_24khz --weights bad.th", "is never loaded"),
        ("tokens bare.npz out.ecdc", "'model' is missing"),
    ],
)
def test_errors_are_in_our_words(codec: Codec, write_wav: Write, command: str, words: str) -> None:
    write_wav(samples=100)
    np.savez("bare.npz", codes=np.zeros((8, 11), np.int16))
    Path("bad.th").write_bytes(b"\x80\x02c__builtin__\neval\n(S'1'\ntR.")
    said = codec(*command.split()).complaint()
    assert words in said
    assert "weights_only" not in said
    assert len(said) < 200


def test_names_that_are_too_long_are_told_in_words(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    write_wav("in/a.wav", samples=100)
    Path("list").write_text("n" * 300 + ".wav\n")
    for command in (f"encode {'n' * 300}.wav out.ecdc", "encode in out --files-from list --jobs 1"):
        said = codec(*command.split()).stderr
        assert "File name too long" in said
        assert "Errno" not in said


def test_listed_files_that_are_not_there_leave_no_folders(codec: Codec, write_wav: Write) -> None:
    Path("in").mkdir()
    Path("list").write_text("deep/er/absent.wav\n")
    ran = codec("encode", "in", "out", "--files-from", "list", "--jobs", "1")
    assert ran.code == 1
    assert not Path("out/deep").exists()


def test_a_failing_fetch_leaves_no_folder(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert codec("models", "fetch", "encodec_32khz").code == 5  # no download is known
    assert not Path("cache").exists()


@pytest.mark.parametrize("data", [b"", b"\0"])
def test_an_input_of_not_one_sample_is_refused(codec: Codec, data: bytes) -> None:
    Path("in.raw").write_bytes(data)
    for more in ((), ("--raw", "s16le", "--rate", "8000", "--channels", "1")):
        assert codec("encode", "in.raw", "out.ecdc", *more).code == 3
        assert not Path("out.ecdc").exists()


def test_a_wav_without_samples_is_a_recording_with_a_warning(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=0)
    ran = codec("encode", "in.wav", "out.ecdc", "-q")
    assert (ran.code, ran.complaint()) == (0, "codec: warning: in.wav: holds no samples")
    assert codec("verify", "out.ecdc").code == 0


def test_a_model_without_6_kbps_has_a_rate_of_its_own() -> None:
    from codectool.models.registry import MODELS
    from codectool.pipeline.planning import EncodeJob, plan_encode

    for name, entry in MODELS.items():
        assert plan_encode(EncodeJob("in", "out", model=name), 1).levels in entry.level_choices


def test_a_piped_wav_that_states_only_its_whole_size(codec: Codec, write_wav: Write) -> None:
    data = bytearray(write_wav(samples=2400).read_bytes())
    data[40:44] = struct.pack("<I", 0)
    import io

    from codectool.audio.source import open_source

    with open_source("-", stdin=io.BytesIO(bytes(data))) as source:
        assert sum(block.shape[1] for block in source.blocks()) == 2400

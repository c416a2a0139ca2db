from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.audio import wav_writer
from codectool.audio.pcm import CODING_OF_SUBTYPE, RawFormat
from codectool.audio.sink import open_sink
from codectool.audio.source import open_source
from codectool.errors import FileError, UsageError


def write(path, block, rate_hz=24000, pieces=1, **options):
    with open_sink(path, rate_hz=rate_hz, channels=block.shape[0], **options) as sink:
        for piece in np.array_split(block, pieces, axis=1):
            sink.write(piece)
    return sink


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", ["wav", "WAV", "flac", "aiff", "caf", "w64", "au"])
@pytest.mark.parametrize(("channels", "samples"), [(1, 0), (1, 1), (2, 319), (3, 1009)])
def test_lossless_files(suffix, channels, samples, folder, noise):
    if (suffix, samples) == ("flac", 0):
        pytest.skip("see below")
    block = noise(samples, channels)
    sink = write(f"out.{suffix}", block, pieces=5)
    assert (sink.written_samples, sink.clipped_samples) == (samples, 0)
    assert names(folder) == [f"out.{suffix}"]
    audio, rate_hz = soundfile.read(f"out.{suffix}", dtype="float32", always_2d=True)
    assert rate_hz == 24000
    assert soundfile.info(f"out.{suffix}").subtype == "PCM_16"
    np.testing.assert_array_equal(audio.T, block)


@pytest.mark.parametrize("suffix", ["ogg", "opus", "mp3"])
def test_lossy_files(suffix, folder, noise):
    write_or_skip(f"out.{suffix}", noise(240_000, 2) * 4, rate_hz=48000)
    audio, rate_hz = soundfile.read(f"out.{suffix}", always_2d=True)
    assert rate_hz == 48000
    assert audio.shape == (240_000, 2)


def write_or_skip(path, block, **options):
    try:
        sink = write(path, block, **options)
    except UsageError:
        pytest.skip("not in this libsndfile")
    assert sink.clipped_samples == 0


@pytest.mark.parametrize("suffix", ["flac", "mp3", "opus"])
def test_formats_that_cannot_be_empty_say_so(suffix, folder, noise):
    with pytest.raises(UsageError, match="WAV"):
        write(f"out.{suffix}", noise(0))
    assert names(folder) == []


@pytest.mark.parametrize("suffix", ["wav", "flac", "caf"])
def test_subtypes_round_and_clip_alike(suffix, folder):
    block = np.array([[1.5, -1.5, 1.0, -1.0, 0.3, -0.3, np.nan]], np.float32)
    for subtype in ("PCM_16", "PCM_24"):
        path = f"{subtype}.{suffix}"
        sink = write(path, block, subtype=subtype.lower())
        assert sink.clipped_samples == 3
        audio, _ = soundfile.read(path, dtype="float32", always_2d=True)
        coding = CODING_OF_SUBTYPE[subtype]
        np.testing.assert_array_equal(audio.T, coding.decode(coding.encode(block)[0], 1))


def test_floats_and_companded_samples(folder):
    block = np.array([[1.5, -0.25]], np.float32)
    assert write("float.wav", block, subtype="FLOAT").clipped_samples == 0
    np.testing.assert_array_equal(soundfile.read("float.wav", always_2d=True)[0].T, block)
    assert write("companded.wav", block, subtype="ULAW").clipped_samples == 1
    assert soundfile.info("companded.wav").subtype == "ULAW"


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_tags(suffix, folder, noise):
    tags = {"title": "Ein Stück", "artist": "some\x1bone", "date": "2020-01-02", "comment": "\ud800"}
    try:
        write(f"out.{suffix}", noise(4800), tags=tags)
    except UsageError:
        pytest.skip("not in this libsndfile")
    with open_source(f"out.{suffix}") as source:
        assert source.tags["title"] == "Ein Stück"
        assert source.tags["artist"] == "someone"
        assert "comment" not in source.tags
    assert soundfile.SoundFile(f"out.{suffix}").title == "Ein Stück"


@pytest.mark.parametrize("samples", [0, 1, 99])
@pytest.mark.parametrize("riff_max_bytes", [1 << 20, 10])
def test_tags_that_come_after_the_sound(samples, riff_max_bytes, folder, noise, monkeypatch):
    monkeypatch.setattr(wav_writer, "RIFF_MAX_BYTES", riff_max_bytes)  # the lower one makes it RF64
    with open_sink("out.wav", rate_hz=24000, channels=3, subtype="PCM_24") as sink:
        sink.write(noise(samples, 3))
        assert sink.add_tags({"title": "Ä\tlate", "artist": "Somebody", "other": "x"})
    with open_source("out.wav") as source:
        audio = np.concatenate([np.zeros((3, 0)), *source.blocks()], axis=1)
    assert (source.tags, source.notes) == ({"title": "Ä late", "artist": "Somebody"}, [])
    np.testing.assert_array_equal(audio, noise(samples, 3))
    with soundfile.SoundFile("out.wav") as file:
        assert file.frames == samples
        if file.format == "WAV":  # of RF64 libsndfile reads none behind the sound
            assert (file.title, file.artist) == ("Ä late", "Somebody")


@pytest.mark.parametrize(("path", "options"), [("-", {}), ("out", {"raw": "s16le"}), ("out.flac", {})])
def test_tags_that_come_too_late(path, options, folder, noise):
    stdout = io.BytesIO()
    with open_sink(path, rate_hz=24000, channels=1, stdout=stdout, **options) as sink:
        sink.write(noise(99))
        assert not sink.add_tags({"title": "late"})
    assert b"late" not in stdout.getvalue()


@pytest.mark.parametrize("subtype", [None, "PCM_24", "FLOAT"])
def test_stdout_is_wav_without_sizes(subtype, noise):
    stdout = io.BytesIO()
    write("-", noise(1009, 2), pieces=7, subtype=subtype, stdout=stdout)
    data = stdout.getvalue()
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    with open_source("-", stdin=io.BytesIO(data)) as source:
        audio = np.concatenate(list(source.blocks()), axis=1)
    assert (source.rate_hz, source.length_samples, source.notes) == (24000, None, [])
    np.testing.assert_array_equal(audio, noise(1009, 2))


def test_stdout_comes_block_by_block(noise):
    ends = os.pipe()
    with os.fdopen(ends[0], "rb", buffering=0) as reader, os.fdopen(ends[1], "wb") as stdout:
        with open_sink("-", rate_hz=8000, channels=1, stdout=stdout) as sink:
            assert len(reader.read(1 << 16)) == 44
            sink.write(noise(100))
            assert len(reader.read(1 << 16)) == 200
        assert not stdout.closed


@pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox")
def test_sox_reads_our_pipe_and_our_file(folder, noise):
    stdout = io.BytesIO()
    write("-", noise(1009, 2), stdout=stdout)
    write("out.wav", noise(1009, 2), tags={"title": "odd"})
    for arguments, data in ((["-t", "wav", "-"], stdout.getvalue()), (["out.wav"], b"")):
        command = ["sox", *arguments, "-t", "s16", "-"]
        result = subprocess.run(command, input=data, capture_output=True, check=True, timeout=20)
        assert result.stdout == CODING_OF_SUBTYPE["PCM_16"].encode(noise(1009, 2))[0]


@pytest.mark.parametrize("name", ["s16le", "s24le", "f32le"])
def test_raw_pcm(name, folder, noise):
    stdout = io.BytesIO()
    write("-", noise(321, 2), raw=name, stdout=stdout)
    write("out", noise(321, 2), raw=name)
    assert Path("out").read_bytes() == stdout.getvalue()
    with open_source("out", raw=RawFormat(name, 24000, 2)) as source:
        np.testing.assert_array_equal(np.concatenate(list(source.blocks()), axis=1), noise(321, 2))


def test_beyond_four_gib_it_is_rf64(folder, noise, monkeypatch):
    monkeypatch.setattr(wav_writer, "RIFF_MAX_BYTES", 1000)
    write("out.wav", noise(3001), subtype="PCM_U8")
    data = Path("out.wav").read_bytes()
    assert data[:4] == b"RF64"
    assert data[12:16] == b"ds64"
    assert struct.unpack_from("<QQQ", data, 20) == (len(data) - 8, 3001, 3001)
    assert soundfile.info("out.wav").frames == 3001
    with open_source("out.wav") as source:
        assert source.length_samples == 3001
        assert sum(block.shape[1] for block in source.blocks()) == 3001


def test_header_of_a_huge_file():
    header = wav_writer.wav_header(CODING_OF_SUBTYPE["PCM_16"], 48000, 2, {}, 5 << 32, room_for_64=True)
    assert header[:8] == b"RF64\xff\xff\xff\xff"
    assert struct.unpack_from("<QQQ", header, 20) == ((5 << 32) + len(header) - 8, 5 << 32, 5 << 30)


def test_unfinished_file_is_readable_but_under_another_name(folder, noise):
    with open_sink("out.wav", rate_hz=8000, channels=1) as sink:
        sink.write(noise(100_000))
        assert names(folder) == [".out.wav.part"]
        with open_source(".out.wav.part") as source:
            assert source.length_samples is not None
            assert source.length_samples > 90_000


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_exception_discards_and_commit_keeps(error, suffix, folder, noise):
    path = folder / f"out.{suffix}"
    with pytest.raises(error):
        write_and_raise(path, noise(100), error, commit=False)
    assert names(folder) == []
    with pytest.raises(error):
        write_and_raise(path, noise(100), error, commit=True)
    assert soundfile.info(path).frames == 100


def write_and_raise(path, block, error, commit):
    with open_sink(path, rate_hz=8000, channels=1) as sink:
        sink.write(block)
        if commit:
            sink.commit()
        raise error


def test_existing_file_is_kept_unless_told(folder, noise):
    Path("out.wav").write_bytes(b"precious")
    with pytest.raises(FileError, match="overwrite=True"):
        write("out.wav", noise(10))
    assert Path("out.wav").read_bytes() == b"precious"
    write("out.wav", noise(10), overwrite=True)
    assert soundfile.info("out.wav").frames == 10


@pytest.mark.parametrize(
    ("path", "options", "complaint"),
    [
        ("out.xyz", {}, r"\.wav.*\.flac"),
        ("out", {}, "suffix"),
        ("out.wav", {"subtype": "PCM_17"}, "PCM_16.*FLOAT"),
        ("out.flac", {"subtype": "FLOAT"}, "PCM_16"),
        ("-", {"subtype": "ULAW"}, "PCM_16.*FLOAT"),
        ("out.raw", {"raw": "s17le"}, "s16le"),
        ("out.raw", {"raw": "s16le", "subtype": "PCM_16"}, "one of them"),
        ("out.flac", {"channels": 20}, "20 channels"),
    ],
)
def test_what_cannot_be_written_is_a_usage_error(path, options, complaint, folder):
    with pytest.raises(UsageError, match=complaint) as caught:
        open_sink(path, **{"rate_hz": 24000, "channels": 1, "stdout": io.BytesIO(), **options})
    assert "\n" not in str(caught.value)
    assert names(folder) == []


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_full_disk_is_a_file_error(suffix, folder, capfd):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 100_000)).astype(np.float32)
    try:
        with pytest.raises(FileError, match=f"out.{suffix}: cannot be written"):
            write(f"out.{suffix}", noise, pieces=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(folder) == []
    assert capfd.readouterr().err == ""


def test_reader_that_has_gone_is_a_broken_pipe(noise):
    ends = os.pipe()
    os.close(ends[0])
    stdout = os.fdopen(ends[1], "wb")
    with pytest.raises(BrokenPipeError):
        write("-", noise(100), stdout=stdout)
    with pytest.raises(BrokenPipeError):  # it still holds the header
        stdout.close()


def test_block_of_other_channels_is_refused(folder, noise):
    with pytest.raises(ValueError, match="2 channels"), open_sink("o.wav", rate_hz=8000, channels=1) as sink:
        sink.write(noise(5, 2))
    assert names(folder) == []

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.audio.pcm import FLOAT, PCM_16, PCM_24, RawFormat
from codectool.audio.source import open_source
from codectool.errors import CodecError, DataError, FileError, UsageError


def read(path, **options):
    """All of a source: the audio, and the source itself after the last block."""
    with open_source(path, **options) as source:
        blocks = list(source.blocks())
    audio = np.concatenate([np.zeros((source.channels, 0), np.float32), *blocks], axis=1)
    return audio, source


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "caf", "w64", "au"])
@pytest.mark.parametrize(("channels", "samples"), [(1, 0), (1, 1), (2, 319), (3, 1009)])
def test_lossless_files(suffix, channels, samples, folder, noise):
    if suffix == "flac" and samples == 0:
        pytest.skip("libsndfile writes none")
    block = noise(samples, channels)
    soundfile.write(f"in.{suffix}", block.T, 11025, subtype="PCM_16")
    audio, source = read(f"in.{suffix}")
    assert (source.rate_hz, source.channels, source.length_samples) == (11025, channels, samples)
    assert source.notes == []
    np.testing.assert_array_equal(audio, block)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_files(suffix, folder, noise):
    if suffix.upper() not in soundfile.available_formats():
        pytest.skip("not in this libsndfile")
    soundfile.write(f"in.{suffix}", noise(48000, 2).T, 48000)
    audio, source = read(Path(f"in.{suffix}"))
    assert audio.shape == (2, 48000)
    assert source.notes == []


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"]
)
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_wav_agrees_with_libsndfile(subtype, container, folder, noise):
    if subtype not in soundfile.available_subtypes(container):
        pytest.skip("no such combination")
    soundfile.write("in.wav", noise(2020, 2).T, 8000, subtype=subtype, format=container)
    expected, _ = soundfile.read("in.wav", dtype="float32", always_2d=True)
    audio, source = read("in.wav")
    assert source.length_samples == len(expected)
    np.testing.assert_array_equal(audio, expected.T)
    piped, source = read("-", stdin=io.BytesIO(Path("in.wav").read_bytes()))
    np.testing.assert_array_equal(piped, expected.T)
    assert bool(source.notes) == (subtype in ("ULAW", "IMA_ADPCM"))


@pytest.mark.parametrize("block_samples", [1, 319, 320, 1 << 20])
def test_blocks_are_no_longer_than_asked(block_samples, folder, noise):
    soundfile.write("in.wav", noise(1009, 2).T, 8000)
    with open_source("in.wav") as source:
        sizes = [block.shape[1] for block in source.blocks(block_samples)]
    assert sum(sizes) == 1009
    assert max(sizes) <= block_samples


@pytest.mark.parametrize("most_bytes", [1, 5, 4096])
def test_pipes_that_give_little_at_a_time(most_bytes, trickle, wav_bytes, noise):
    block = noise(1009, 3)
    data = wav_bytes(
        PCM_24.encode(block)[0], channels=3, bits=24, riff_bytes=0xFFFFFFFF, data_bytes=0xFFFFFFFF
    )
    audio, source = read("-", stdin=trickle(data, most_bytes))
    assert source.length_samples is None
    assert source.notes == []
    np.testing.assert_array_equal(audio, block)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFEFFF])
def test_wav_without_a_size_goes_to_the_end(size, folder, wav_bytes, noise):
    data = wav_bytes(PCM_16.encode(noise(500))[0], riff_bytes=size, data_bytes=size)
    Path("in.wav").write_bytes(data)
    for audio, source, length in (
        (*read("in.wav"), 500),
        (*read("-", stdin=io.BytesIO(data)), None),
    ):
        assert source.length_samples == length
        np.testing.assert_array_equal(audio, noise(500))
        assert source.notes == []


def test_truncated_wav_gives_what_is_there(folder, wav_bytes, noise):
    data = wav_bytes(PCM_16.encode(noise(500, 2))[0], channels=2)[:-1001]
    Path("in.wav").write_bytes(data)
    for audio, source, length in (
        (*read("in.wav"), 249),
        (*read("-", stdin=io.BytesIO(data)), 500),
    ):
        assert source.length_samples == length
        np.testing.assert_array_equal(audio, noise(500, 2)[:, :249])
        assert len(source.notes) == 1
        assert "1001 bytes before its header says" in source.notes[0]


def test_bytes_behind_the_samples_are_not_audio(trickle, wav_bytes, noise):
    data = (
        wav_bytes(PCM_16.encode(noise(99))[0], after=b"LIST\x12\0\0\0INFOINAM\5\0\0\0late\0\0") + b"rubbish"
    )
    audio, source = read("-", stdin=trickle(data))
    np.testing.assert_array_equal(audio, noise(99))
    assert source.tags == {"title": "late"}
    assert source.length_samples == 99


def test_tags_of_other_formats(folder, noise):
    with soundfile.SoundFile("in.flac", "w", 8000, 1) as file:
        file.title, file.artist = "A\ttitle", "Somebody"
        file.write(noise(100).T)
    assert read("in.flac")[1].tags == {"title": "A title", "artist": "Somebody"}


def test_live_pipe_is_not_waited_for(wav_bytes, noise):
    """Audio comes out while the writer is still writing."""
    ends = os.pipe()
    head = wav_bytes(b"", riff_bytes=0, data_bytes=0, rate_hz=8000)
    with os.fdopen(ends[0], "rb") as reader, os.fdopen(ends[1], "wb", buffering=0) as writer:
        writer.write(head)
        with open_source("-", stdin=reader) as source:
            blocks = source.blocks()
            for size in (80, 200, 1000):
                writer.write(PCM_16.encode(noise(size))[0])
                assert next(blocks).shape == (1, size)
            writer.write(PCM_16.encode(noise(81))[0])
            writer.close()
            assert sum(block.shape[1] for block in blocks) == 81


def test_named_pipe(folder, wav_bytes, noise):
    os.mkfifo("pipe.wav")
    data = wav_bytes(PCM_16.encode(noise(300))[0], riff_bytes=0, data_bytes=0)
    writer = threading.Thread(target=lambda: Path("pipe.wav").write_bytes(data))
    writer.start()
    audio, source = read("pipe.wav")
    writer.join(timeout=10)
    assert source.length_samples is None
    np.testing.assert_array_equal(audio, noise(300))


@pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox")
@pytest.mark.parametrize("bits", ["16", "24"])
def test_wav_piped_from_sox(bits, folder, noise):
    soundfile.write("in.flac", noise(5000, 2).T, 44100)
    command = ["sox", "-D", "in.flac", "-b", bits, "-t", "wav", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sox:
        assert sox.stdout is not None
        with sox.stdout as stdin:
            audio, source = read("-", stdin=stdin)
    np.testing.assert_array_equal(audio, noise(5000, 2))
    assert (source.rate_hz, source.notes) == (44100, [])


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_other_formats_on_a_pipe_are_stored_first(suffix, folder, trickle, noise):
    if suffix.upper() not in soundfile.available_formats():
        pytest.skip("not in this libsndfile")
    soundfile.write(f"in.{suffix}", noise(4800).T, 48000)
    from_file, _ = read(f"in.{suffix}")
    piped, source = read("-", stdin=trickle(Path(f"in.{suffix}").read_bytes(), 1000))
    np.testing.assert_array_equal(piped, from_file)
    assert "temporary file" in source.notes[0]


@pytest.mark.parametrize(("name", "coding"), [("s16le", PCM_16), ("s24le", PCM_24), ("f32le", FLOAT)])
def test_raw_pcm(name, coding, folder, trickle, noise):
    raw = RawFormat(name, 8000, 2)
    data = coding.encode(noise(1009, 2))[0]
    Path("in.raw").write_bytes(data)
    for audio, source, length in (
        (*read("in.raw", raw=raw), 1009),
        (*read("-", raw=raw, stdin=trickle(data, 7)), None),
    ):
        assert (source.rate_hz, source.channels, source.length_samples) == (8000, 2, length)
        assert source.notes == []
        np.testing.assert_array_equal(audio, noise(1009, 2))


def test_raw_pcm_that_ends_within_a_sample(noise):
    data = PCM_16.encode(noise(100))[0] + b"x"
    audio, source = read("-", raw=RawFormat("s16le", 8000, 1), stdin=io.BytesIO(data))
    assert audio.shape == (1, 100)
    assert "1 bytes are less than one sample" in source.notes[0]


def test_numbers_that_are_none_are_replaced_and_counted(wav_bytes):
    values = [0.5, np.nan, np.inf, -np.inf, 1e30, 1.5, -2.0]
    data = wav_bytes(np.array(values, "<f4").tobytes(), tag=3, bits=32)
    audio, source = read("-", stdin=io.BytesIO(data))
    np.testing.assert_array_equal(audio[0], np.float32([0.5, 0, 1, -1, 1, 1.5, -2.0]))
    assert len(source.notes) == 1
    assert "4 samples were not finite" in source.notes[0]
    data = wav_bytes(np.array([1e300, -1e300, np.nan], "<f8").tobytes(), tag=3, bits=64)
    np.testing.assert_array_equal(read("-", stdin=io.BytesIO(data))[0], [[1, -1, 0]])


def test_low_rates_and_many_channels_come_in_small_blocks(wav_bytes):
    with open_source("-", stdin=io.BytesIO(wav_bytes(bytes(20), rate_hz=1))) as source:
        assert [block.shape for block in source.blocks()] == [(1, 1)] * 10
    with open_source("-", stdin=io.BytesIO(wav_bytes(bytes(1 << 22), channels=1024, bits=8))) as source:
        assert max(block.size for block in source.blocks()) <= 1 << 20


BAD_FILES = {
    "empty.wav": b"",
    "text.txt": b"Dear all,\n" * 100,
    "short.wav": b"RIFF",
    "header.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "noise.mp3": bytes(range(256)) * 40,
    "samples.raw": bytes(1000),
    "cut.flac": b"fLaC\0\0\0\x22",
    "cut.ogg": b"OggS\0\2",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_not_audio_is_a_data_error(name, folder):
    Path(name).write_bytes(BAD_FILES[name])
    for path, stdin, shown in ((name, None, name), ("-", io.BytesIO(BAD_FILES[name]), "stdin")):
        with pytest.raises(DataError, match=f"^{shown}: ") as caught:
            read(path, stdin=stdin)
        assert "\n" not in str(caught.value)


def test_text_without_end_on_a_pipe_is_refused_at_once():
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b"y" * len(buffer)
            return len(buffer)

    with pytest.raises(DataError, match="stdin: is not audio"):
        read("-", stdin=io.BufferedReader(Endless()))


def test_missing_and_unreadable_files_are_file_errors(folder, monkeypatch):
    with pytest.raises(FileError, match=r"none\.wav: there is no such file"):
        read("none.wav")
    with pytest.raises(FileError, match="is a folder"):
        read(folder)
    with pytest.raises(FileError, match="cannot be read"):
        read("x" * 300)
    Path("in.wav").write_bytes(b"")
    with pytest.raises(FileError, match="cannot be read"):
        read("in.wav/in.wav")
    if os.name == "posix" and os.geteuid() != 0:
        Path("in.wav").chmod(0)
        with pytest.raises(FileError, match="cannot be read"):
            read("in.wav")


def test_device_that_fails_while_reading_is_a_file_error(wav_bytes):
    class Failing(io.BytesIO):
        def read1(self, size=-1):
            if self.tell() >= 1000:
                raise OSError(5, "Input/output error")
            return super().read1(min(size, 100))

    with pytest.raises(FileError, match="stdin: cannot be read: Input/output error"):
        read("-", stdin=Failing(wav_bytes(bytes(5000))))


def test_terminal_is_a_usage_error():
    class Terminal(io.BytesIO):
        def isatty(self):
            return True

    with pytest.raises(UsageError, match="terminal"):
        read("-", stdin=Terminal(b"x"))


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff", "caf", "w64"])
def test_damaged_files_of_other_formats_end_in_audio_or_a_codec_error(suffix, folder, noise, capfd):
    if suffix.upper() not in soundfile.available_formats():
        pytest.skip("not in this libsndfile")
    soundfile.write(f"in.{suffix}", noise(48000).T, 48000)
    data = bytearray(Path(f"in.{suffix}").read_bytes())
    chance = np.random.default_rng(0)
    for _ in range(10):
        damaged = bytearray(data)
        for at in chance.integers(0, len(data), 20):
            damaged[at] = int(chance.integers(256))
        Path("damaged").write_bytes(damaged[: chance.integers(len(data))])
        with contextlib.suppress(CodecError):
            audio, _ = read("damaged")
            assert np.isfinite(audio).all()
    assert "Traceback" not in capfd.readouterr().err


def test_truncated_mp3_gives_what_is_there(folder, noise):
    if "MP3" not in soundfile.available_formats():
        pytest.skip("not in this libsndfile")
    soundfile.write("in.mp3", noise(96000).T, 48000)
    data = Path("in.mp3").read_bytes()
    Path("cut.mp3").write_bytes(data[: len(data) // 2])
    audio, source = read("cut.mp3")
    assert 0 < audio.shape[1] < 96000
    assert "what is there is used" in source.notes[0]


def test_flac_written_to_a_pipe_has_no_length(folder, noise):
    soundfile.write("in.flac", noise(100_000, 2).T, 48000, subtype="PCM_16")
    data = bytearray(Path("in.flac").read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count samples
    data[22:26] = bytes(4)
    Path("in.flac").write_bytes(data)
    audio, source = read("in.flac")
    assert (source.length_samples, source.notes) == (None, [])
    np.testing.assert_array_equal(audio, noise(100_000, 2))

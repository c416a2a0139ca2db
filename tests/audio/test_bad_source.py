"""What is cut, damaged or no audio: as much as there is, or an error that says so."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.audio.pcm import PCM_16, RawFormat
from codectool.errors import CodecError, DataError, FileError, UsageError
from tests.audio.conftest import read


def test_truncated_wav_gives_what_is_there(folder, wav_bytes, noise):
    data = wav_bytes(PCM_16.encode(noise(500, 2))[0], channels=2)[:-1001]
    Path("in.wav").write_bytes(data)
    for audio, source, length in (
        (*read("in.wav"), 249),
        (*read("-", stdin=io.BytesIO(data)), 500),
    ):
        assert source.length_samples == length
        np.testing.assert_array_equal(audio, noise(500, 2)[:, :249])
        assert len(source.warnings) == 1
        assert "1001 bytes before its header says" in source.warnings[0]


def test_raw_pcm_that_ends_within_a_sample(noise):
    data = PCM_16.encode(noise(100))[0] + b"x"
    audio, source = read("-", raw=RawFormat("s16le", 8000, 1), stdin=io.BytesIO(data))
    assert audio.shape == (1, 100)
    assert "1 bytes are less than one sample" in source.warnings[0]


def test_numbers_that_are_none_are_replaced_and_counted(wav_bytes):
    values = [0.5, np.nan, np.inf, -np.inf, 1e30, 1.5, -2.0]
    data = wav_bytes(np.array(values, "<f4").tobytes(), tag=3, bits=32)
    audio, source = read("-", stdin=io.BytesIO(data))
    np.testing.assert_array_equal(audio[0], np.float32([0.5, 0, 1, -1, 1, 1.5, -2.0]))
    not_finite, absurd, loud = source.warnings
    assert "3 samples were not finite" in not_finite
    assert "1 samples were over 65536 times full scale" in absurd
    assert "reaches 6.0 dB over full scale" in loud
    data = wav_bytes(np.array([1e300, -1e300, np.nan], "<f8").tobytes(), tag=3, bits=64)
    np.testing.assert_array_equal(read("-", stdin=io.BytesIO(data))[0], [[1, -1, 0]])


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
    assert "what is there is used" in source.warnings[0]

"""Audio is read alike from files and pipes, whatever holds it."""

from __future__ import annotations

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
from tests.audio.conftest import read


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


def test_low_rates_and_many_channels_come_in_small_blocks(wav_bytes):
    with open_source("-", stdin=io.BytesIO(wav_bytes(bytes(20), rate_hz=1))) as source:
        assert [block.shape for block in source.blocks()] == [(1, 1)] * 10
    with open_source("-", stdin=io.BytesIO(wav_bytes(bytes(255 << 14), channels=255, bits=8))) as source:
        assert max(block.size for block in source.blocks()) <= 1 << 20


def test_flac_written_to_a_pipe_has_no_length(folder, noise):
    soundfile.write("in.flac", noise(100_000, 2).T, 48000, subtype="PCM_16")
    data = bytearray(Path("in.flac").read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count samples
    data[22:26] = bytes(4)
    Path("in.flac").write_bytes(data)
    audio, source = read("in.flac")
    assert (source.length_samples, source.notes) == (None, [])
    np.testing.assert_array_equal(audio, noise(100_000, 2))

"""Any audio goes in, however odd, and comes out at its own rate and exactly as long."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import ROOT, Ran, read_wav

Codec = Callable[..., Ran]
WriteWav = Callable[..., Path]
HEADER_BYTES, FRAME_BYTES = 64, 10  # the most a file may cost, and 8 codes of 10 bits


def check_round_trip(codec: Codec, source: Path, samples: int, rate_hz: int) -> str:
    """Encode and decode a file, and check its length; gives what encoding said."""
    encoding = codec("encode", source, "out.ecdc")
    assert encoding.code == 0
    assert encoding.stdout == b""
    assert codec("decode", "out.ecdc", "out.wav", "-q") == Ran(0, b"", "")
    info = soundfile.info("out.wav")
    assert (info.frames, info.samplerate, info.channels) == (samples, rate_hz, 1)
    return encoding.stderr


def test_speech_keeps_within_its_rate(codec: Codec) -> None:
    source = ROOT / "examples" / "speech.wav"
    original = soundfile.info(source)
    said = check_round_trip(codec, source, original.frames, original.samplerate)
    limit_bytes = 6000 * original.duration / 8 * 1.02 + HEADER_BYTES + FRAME_BYTES
    size_bytes = Path("out.ecdc").stat().st_size
    assert 6000 * original.duration / 8 < size_bytes <= limit_bytes
    actual_kbps = size_bytes * 8 / original.duration / 1000
    assert f"6 kbps nominal, {actual_kbps:.2f} kbps actual" in said


@pytest.mark.parametrize("samples", [0, 1])
def test_next_to_nothing(codec: Codec, write_wav: WriteWav, samples: int) -> None:
    check_round_trip(codec, write_wav(samples=samples), samples, 24_000)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_sample_types(codec: Codec, write_wav: WriteWav, subtype: str) -> None:
    check_round_trip(codec, write_wav(subtype=subtype, samples=5000), 5000, 24_000)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 6), (8000, 1), (192_000, 2)])
def test_rates_and_channels(codec: Codec, write_wav: WriteWav, rate_hz: int, channels: int) -> None:
    source = write_wav(rate_hz=rate_hz, channels=channels, samples=10_007)
    said = check_round_trip(codec, source, 10_007, rate_hz)
    assert (f"{channels} channels are mixed to mono" in said) == (channels > 1)
    assert ("nothing above 12 kHz is kept" in said) == (rate_hz > 24_000)


def test_values_that_are_no_numbers_are_repaired_and_told(codec: Codec) -> None:
    audio = np.zeros(3000, np.float32)
    audio[[10, 20, 30]] = np.nan, np.inf, -np.inf
    soundfile.write("in.wav", audio, 24_000, subtype="FLOAT")
    said = check_round_trip(codec, Path("in.wav"), 3000, 24_000)
    assert "codec: warning: in.wav: 3 samples were not finite" in said
    assert np.isfinite(read_wav("out.wav")).all()


def test_a_cut_wav_is_used_as_far_as_it_goes(codec: Codec, write_wav: WriteWav) -> None:
    source = write_wav(samples=24_000)
    source.write_bytes(source.read_bytes()[:-20_001])  # in the middle of a sample
    assert "codec: warning: in.wav: ends 20001 bytes before" in check_round_trip(
        codec, source, 13_999, 24_000
    )


@pytest.mark.parametrize("names", [("--sample-rate", "--raw-channels"), ("--rate", "--channels")])
def test_raw_pcm_in_and_out(codec: Codec, write_wav: WriteWav, names: tuple[str, str]) -> None:
    source = write_wav(samples=10_000, channels=2)
    audio, _ = soundfile.read(source, dtype="int16")
    Path("in.raw").write_bytes(audio.astype("<i2").tobytes())
    raw = "--raw", "s16le", names[0], "24000", names[1], "2"
    assert codec("encode", "in.raw", "raw.ecdc", *raw).code == 0
    assert codec("encode", source, "wav.ecdc").code == 0
    assert Path("raw.ecdc").read_bytes() == Path("wav.ecdc").read_bytes()
    assert codec("decode", "raw.ecdc", "out.raw", "--raw", "f32le").code == 0
    assert codec("decode", "raw.ecdc", "out.wav", "--subtype", "FLOAT").code == 0
    values = struct.unpack("<10000f", Path("out.raw").read_bytes())
    np.testing.assert_array_equal(np.float32(values), read_wav("out.wav"))


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".aiff"])
def test_the_suffix_is_the_format(codec: Codec, write_wav: WriteWav, suffix: str) -> None:
    assert codec("encode", write_wav(samples=9999), "out.ecdc").code == 0
    assert codec("decode", "out.ecdc", f"out{suffix}").code == 0
    info = soundfile.info(f"out{suffix}")
    assert (info.format.lower(), info.frames) == (suffix[1:], 9999)


def test_without_out_the_output_lies_beside_the_input(codec: Codec, write_wav: WriteWav) -> None:
    Path("deep").mkdir()
    assert codec("encode", write_wav("deep/a.b.wav", samples=100)).code == 0
    Path("deep/a.b.wav").unlink()
    assert codec("decode", "deep/a.b.ecdc").code == 0
    assert sorted(path.name for path in Path("deep").iterdir()) == ["a.b.ecdc", "a.b.wav"]


@pytest.mark.parametrize("rate", ["6kbps", "6k", "6000", "6", "6000bps", "6.4k", "6KBPS", " 6 "])
def test_rates_have_many_spellings(codec: Codec, write_wav: WriteWav, rate: str) -> None:
    source = write_wav(samples=2000)
    assert codec("encode", source, "levels.ecdc", "--levels", 8, "-q") == Ran(0, b"", "")
    assert codec("encode", source, "rate.ecdc", "-b", rate, "-q") == Ran(0, b"", "")
    assert Path("rate.ecdc").read_bytes() == Path("levels.ecdc").read_bytes()


@pytest.mark.parametrize(("rate", "levels"), [("0.75k", 1), ("1.5", 2), ("23.99k", 31), ("24kbps", 32)])
def test_a_rate_is_never_exceeded(codec: Codec, write_wav: WriteWav, rate: str, levels: int) -> None:
    source = write_wav(samples=2000)
    assert codec("encode", source, "rate.ecdc", "-b", rate).code == 0
    assert codec("encode", source, "levels.ecdc", "--levels", levels).code == 0
    assert Path("rate.ecdc").read_bytes() == Path("levels.ecdc").read_bytes()

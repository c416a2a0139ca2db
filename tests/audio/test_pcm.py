from __future__ import annotations

import numpy as np
import pytest

from codectool.audio.pcm import CODING_OF_SUBTYPE, RawFormat, raw_coding
from codectool.errors import UsageError


@pytest.mark.parametrize("name", CODING_OF_SUBTYPE)
@pytest.mark.parametrize(("channels", "samples"), [(1, 0), (1, 1), (2, 3), (5, 319)])
def test_coding_comes_back(name, channels, samples, noise):
    coding = CODING_OF_SUBTYPE[name]
    block = noise(samples, channels)
    if coding.bits == 8:
        block = np.round(block * 128) / np.float32(128)
    data, clipped = coding.encode(block)
    assert len(data) == channels * samples * coding.sample_bytes
    assert clipped == 0
    decoded = coding.decode(data, channels)
    assert decoded.dtype == np.float32
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, block)


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("PCM_U8", b"\x00", -1.0),
        ("PCM_U8", b"\x80", 0.0),
        ("PCM_16", b"\x00\x80", -1.0),
        ("PCM_16", b"\xff\x7f", 32767 / 32768),
        ("PCM_24", b"\x00\x00\x80", -1.0),
        ("PCM_24", b"\x01\x00\x00", 2.0**-23),
        ("PCM_24", b"\xff\xff\xff", -(2.0**-23)),
        ("PCM_32", b"\x00\x00\x00\x80", -1.0),
        ("FLOAT", b"\x00\x00\xc0\x3f", 1.5),
        ("DOUBLE", b"\x00\x00\x00\x00\x00\x00\xf8\x3f", 1.5),
    ],
)
def test_bytes_mean_what_the_formats_say(name, data, value):
    coding = CODING_OF_SUBTYPE[name]
    np.testing.assert_array_equal(coding.decode(data, 1), [[np.float32(value)]])
    assert coding.encode(np.full((1, 1), value, np.float32)) == (data, 0)


@pytest.mark.parametrize("name", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_integers_clip_and_count(name):
    coding = CODING_OF_SUBTYPE[name]
    block = np.array([[1.0, -1.0, 1.01, -7.0, 3e38, np.inf, -np.inf, np.nan]], np.float32)
    data, clipped = coding.encode(block)
    assert clipped == 6
    top = (1 << (coding.bits - 1)) - 1
    expected = np.array([top, -top - 1, top, -top - 1, top, top, -top - 1, 0]) / (top + 1)
    np.testing.assert_array_equal(coding.decode(data, 1)[0], expected.astype(np.float32))


def test_integers_round_to_nearest():
    block = np.array([[0.4, 0.6, -0.4, -0.6]], np.float32) / 32768
    assert CODING_OF_SUBTYPE["PCM_16"].encode(block)[0] == np.array([0, 1, 0, -1], "<i2").tobytes()


def test_floats_do_not_clip():
    block = np.array([[1.5, -3.0]], np.float32)
    data, clipped = CODING_OF_SUBTYPE["FLOAT"].encode(block)
    assert clipped == 0
    np.testing.assert_array_equal(np.frombuffer(data, "<f4"), block[0])


@pytest.mark.parametrize(
    "arguments", [("s17le", 8000, 1), ("s16le", 0, 1), ("s16le", 1 << 25, 1), ("f32le", 8000, 0)]
)
def test_impossible_raw_format_is_refused(arguments):
    with pytest.raises(UsageError, match=r"`(raw|rate_hz|channels)="):
        RawFormat(*arguments)


def test_raw_names():
    assert [raw_coding(name).bits for name in ("s16le", "S24LE", "f32le")] == [16, 24, 32]

from __future__ import annotations

import io

import pytest

from codectool.container import scan
from codectool.errors import DataError

from .samples import Pipe, make_codes, make_file, make_header

HEADER = make_header(levels=8, original_rate_hz=24000)
DATA = make_file(HEADER, make_codes(HEADER, 200), {"title": "A"})


def test_a_whole_file() -> None:
    summary = scan(io.BytesIO(DATA))
    assert summary == scan(Pipe(DATA))
    assert summary.header == HEADER
    assert (summary.packets, summary.frames, summary.total_samples) == (4, 200, 200 * 320 - 64)
    assert summary.size_bytes == len(DATA)
    assert summary.duration_s == pytest.approx(2.664)
    assert summary.rate_bps == pytest.approx(8 * len(DATA) / 2.664)
    assert summary.tags == {"title": "A"}
    assert summary.complete
    assert summary.gaps == ()


def test_a_damaged_file() -> None:
    summary = scan(io.BytesIO(DATA[:200] + b"!" + DATA[201:]))
    assert (summary.frames, summary.gap_count, summary.complete) == (125, 1, False)
    assert (summary.gaps[0].first_frame, summary.gaps[0].frames) == (0, 75)
    assert summary.duration_s == pytest.approx(2.664)


def test_a_cut_file() -> None:
    summary = scan(io.BytesIO(DATA[:-1]))
    assert (summary.frames, summary.complete) == (150, False)
    assert (summary.duration_s, summary.rate_bps, summary.total_samples) == (None, None, None)
    assert summary.size_bytes == len(DATA) - 1


def test_an_empty_recording() -> None:
    summary = scan(io.BytesIO(make_file(HEADER, make_codes(HEADER, 0))))
    assert (summary.frames, summary.duration_s, summary.rate_bps, summary.complete) == (0, 0, None, True)


@pytest.mark.parametrize(
    ("model", "streams", "channels", "coded"),
    [
        ("toy", 3, 3, 3),
        ("base_24khz", 2, 2, 2),
        ("base_48khz", 1, 2, 2),
        ("base_48khz", 1, 6, 2),
        ("base_48khz", 1, 1, 1),
    ],
)
def test_coded_channels_are_those_that_a_decode_gives(
    model: str, streams: int, channels: int, coded: int
) -> None:
    known = {"model_rate_hz": 48_000, "hop_samples": 640} if model == "base_48khz" else {}
    header = make_header(model=model, streams=streams, original_channels=channels, **known)
    data = make_file(header, make_codes(header, 0))
    assert scan(io.BytesIO(data)).facts()["coded_channels"] == coded


def test_what_cannot_be_read() -> None:
    with pytest.raises(DataError, match="WAV"):
        scan(io.BytesIO(b"RIFF...."))

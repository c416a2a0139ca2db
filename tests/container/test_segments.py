"""Version 1 files whose packets are segments with a scale."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from codectool.container import Audio, Reader, Writer, read_header, scan
from codectool.container.header import SCALE
from codectool.errors import UsageError
from codectool.files.byte_reader import ByteReader

from .samples import Pipe, forge, lost, make_codes, make_header, make_segments, read

HEADER = make_header(frames_per_packet=10, scaled=True, original_rate_hz=24_000)


def test_the_header_says_so() -> None:
    data = HEADER.to_bytes()
    assert data[6] == 2
    assert read_header(ByteReader(io.BytesIO(data))) == HEADER
    assert make_header().to_bytes()[6] == 0


@pytest.mark.parametrize("frames", [0, 1, 9, 10, 11, 20, 35])
def test_segments_come_back(frames: int) -> None:
    data, segments = make_segments(HEADER, frames)
    for stream in (io.BytesIO(data), Pipe(data)):
        reader = Reader(stream)
        events = [event for event in reader if isinstance(event, Audio)]
        assert reader.complete
        assert len(events) == len(segments)
        for event, (codes, scale) in zip(events, segments, strict=True):
            np.testing.assert_array_equal(event.codes, codes)
            assert event.scale == scale
    packets = frames // 10 + 1
    assert len(data) == HEADER.size_bytes + 13 * packets + 10 + 4 * len(segments) + sum(
        math.ceil(codes.size * 10 / 8) for codes, _ in segments
    )
    assert scan(io.BytesIO(data)).frames == frames


def test_nothing_is_written_after_a_short_segment() -> None:
    codes = make_codes(HEADER, 20)
    stream, alone = io.BytesIO(), io.BytesIO()
    for target, count in ((stream, 3), (alone, 2)):
        writer = Writer(target, HEADER)
        for piece in (codes[:, :, :10], codes[:, :, 10:19], codes[:, :, 19:])[:count]:
            writer.write_codes(piece, 0.5)
        writer.finish(6_000)
    assert stream.getvalue() == alone.getvalue()


def test_the_writer_refuses_what_cannot_be() -> None:
    writer = Writer(io.BytesIO(), HEADER)
    codes = make_codes(HEADER, 10)
    for scale in (None, 0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="scale"):
            writer.write_codes(codes, scale)
    with pytest.raises(UsageError, match="10 frames"):
        writer.write_codes(make_codes(HEADER, 11), 1.0)
    with pytest.raises(UsageError, match="scale"):
        Writer(io.BytesIO(), make_header()).write_codes(codes, 1.0)


def test_damage_costs_one_segment() -> None:
    data, _ = make_segments(HEADER, 35)
    packet_bytes = 13 + 4 + 25
    for place in range(HEADER.size_bytes + packet_bytes, HEADER.size_bytes + 2 * packet_bytes):
        _, events = read(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert lost(events) == [(10, 10)]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_with_a_good_checksum_loses_the_segment(scale: float) -> None:
    payload = bytes(HEADER.payload_bytes(10) - 4)
    good, bad = SCALE.pack(1.0) + payload, SCALE.pack(scale) + payload
    last = (10).to_bytes(10, "big")
    reader, events = read(forge(HEADER, (0, 0, good), (0, 1, bad), (1, 2, last)))
    assert lost(events) == [(10, 10)]
    assert "scale" in reader.gaps[0].reason

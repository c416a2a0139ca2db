from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from codectool.container import Writer, bits
from codectool.container.packets import COUNTS, OVERHEAD_BYTES, Flag, write_packet
from codectool.errors import FileError, UsageError

from .samples import make_codes, make_file, make_header, open_packet, samples_of, split

KNOWN_MODELS = ["base_24khz", "encodec_24khz", "encodec_48khz"]


@pytest.mark.parametrize("frames", [0, 1, 74, 75, 76, 149, 150, 151, 400])
def test_the_bytes_do_not_depend_on_the_pushes(frames: int) -> None:
    header = make_header()
    codes = make_codes(header, frames)
    files = {make_file(header, codes, {"title": "A"}, push) for push in (1, 7, 75, 76, 1000)}
    assert len(files) == 1
    packets = [open_packet(piece) for piece in split(files.pop())[1:]]
    assert [packet.sequence for packet in packets] == list(range(len(packets)))
    assert [packet.flags for packet in packets] == [0] * (frames // 75) + [2, 5]
    assert COUNTS.unpack_from(packets[-1].payload) == (frames % 75, samples_of(header, frames))
    assert len(packets[-1].payload) == COUNTS.size + header.payload_bytes(frames % 75)


def test_a_packet_goes_out_with_its_last_frame() -> None:
    header = make_header()
    stream = io.BytesIO()
    writer = Writer(stream, header)
    sizes = []
    for frame in range(151):
        writer.write_codes(make_codes(header, 1, seed=frame))
        sizes.append(len(stream.getvalue()))
    packet_bytes = OVERHEAD_BYTES + header.payload_bytes(75)
    assert sizes == [header.size_bytes + (frame + 1) // 75 * packet_bytes for frame in range(151)]


@pytest.mark.parametrize("frames_per_packet", [1, 2, 75])
def test_a_full_packet_leaves_at_once(frames_per_packet: int) -> None:
    header = make_header(frames_per_packet=frames_per_packet)
    codes = make_codes(header, frames_per_packet)
    sink = io.BytesIO()
    writer = Writer(io.BufferedRandom(sink, 1 << 16), header)
    writer.write_codes(codes)
    whole = header.to_bytes() + write_packet(header, 0, 0, bits.pack(codes, header.bits_per_code))
    assert sink.getvalue() == whole
    writer.finish(samples_of(header, frames_per_packet))
    counts = COUNTS.pack(0, samples_of(header, frames_per_packet))
    assert sink.getvalue() == whole + write_packet(header, Flag.LAST, 1, counts)


@pytest.mark.parametrize("model", KNOWN_MODELS)
@pytest.mark.parametrize("seconds", [0, 1, 2, 28, 60, 61.99, 600])
def test_the_cost_is_what_the_specification_says(model: str, seconds: float) -> None:
    header = make_header(model=model, levels=8)
    frames = round(seconds * 75)
    packets = frames // 75 + 1
    payload_bytes = 10 * frames
    size = len(make_file(header, make_codes(header, frames), push=10_000))
    assert size == payload_bytes + 13 * packets + 36 + len(model) + 10
    assert 36 + len(model) + 10 <= 64
    assert size <= payload_bytes + 64 + 13 * packets
    if frames:
        assert 13 * (frames // 75) <= 0.02 * payload_bytes


def cost(model: str, frames: int) -> int:
    header = make_header(model=model, levels=8)
    return len(make_file(header, make_codes(header, frames), push=100_000)) - 10 * frames


@pytest.mark.parametrize(("model", "first"), [("base_24khz", 2555), ("encodec_24khz", 2635)])
def test_from_half_a_minute_on_all_of_it_is_within_two_percent(model: str, first: int) -> None:
    assert cost(model, first - 1) > 0.02 * 10 * (first - 1)
    for frames in (first, first + 1, 36 * 75, 36 * 75 + 1, 37 * 75, 61 * 75 + 40, 3600 * 75):
        assert cost(model, frames) <= 0.02 * 10 * frames
    assert cost("base_24khz", 35 * 75) == 69 + 13 * 35 <= 15 * 35
    assert cost("base_24khz", 34 * 75) == 69 + 13 * 34 > 15 * 34


@pytest.mark.parametrize(("model", "first", "most"), [("base_24khz", 155, 5), ("encodec_24khz", 235, 8)])
def test_64_bytes_and_two_percent_hold_but_for_the_shortest(model: str, first: int, most: int) -> None:
    over = [cost(model, frames) - 64 - 0.02 * 10 * frames for frames in range(first + 150)]
    assert over[first - 1] > 0 >= max(over[first:])
    assert max(over) == over[0] == most


def test_the_longest_header_costs_77_bytes_a_file() -> None:
    header = make_header(model="a" * 31)
    assert len(make_file(header, make_codes(header, 0))) == 77 + 13


def test_tags_cost_their_text_and_a_packet() -> None:
    header = make_header()
    codes = make_codes(header, 10)
    extra = len(make_file(header, codes, {"title": "A"})) - len(make_file(header, codes))
    assert extra == 13 + len('{"title":"A"}')
    assert make_file(header, codes, {}) == make_file(header, codes)


def test_any_integer_type_is_taken_and_ranges_are_kept() -> None:
    header = make_header()
    codes = make_codes(header, 5)
    assert make_file(header, codes.astype(np.int64)) == make_file(header, codes)
    writer = Writer(io.BytesIO(), header)
    for wrong in (
        np.full((1, 2, 1), 1024),
        np.full((1, 2, 1), -1),
        np.zeros((1, 2, 1)),
        np.zeros((1, 3, 1), dtype=int),
        np.zeros((2, 1), dtype=int),
    ):
        with pytest.raises(UsageError, match="codes"):
            writer.write_codes(wrong)
    assert writer.bytes_written == header.size_bytes


@pytest.mark.parametrize("samples", [-1, 10 * 588 + 589, 2**64])
def test_an_impossible_count_of_samples_is_refused_and_another_taken(samples: int) -> None:
    header = make_header()
    writer = Writer(io.BytesIO(), header)
    writer.write_codes(make_codes(header, 10))
    with pytest.raises(UsageError, match="10 frames cannot stand"):
        writer.finish(samples)
    with pytest.raises(UsageError, match="tags"):
        writer.finish(5000, {"": ""})
    assert writer.bytes_written == header.size_bytes
    writer.finish(10 * 588 + 588)


def test_nothing_is_written_after_the_end() -> None:
    header = make_header()
    writer = Writer(io.BytesIO(), header)
    writer.finish(samples_of(header, 0))
    with pytest.raises(UsageError, match="finished"):
        writer.finish(0)
    with pytest.raises(UsageError, match="finished"):
        writer.write_codes(make_codes(header, 1))


def test_what_is_written_is_not_held_back() -> None:
    header = make_header()
    sink = io.BytesIO()
    writer = Writer(io.BufferedRandom(sink, 1 << 16), header)
    assert len(sink.getvalue()) == header.size_bytes
    writer.write_codes(make_codes(header, 75))
    assert len(sink.getvalue()) == writer.bytes_written > header.size_bytes
    writer.finish(75 * 588)
    assert len(sink.getvalue()) == writer.bytes_written


def test_sequence_numbers_end() -> None:
    header = make_header(frames_per_packet=1)
    writer = Writer(io.BytesIO(), header)
    writer._sequence = 2**32
    with pytest.raises(UsageError, match="begin another"):
        writer.write_codes(make_codes(header, 1))


def test_an_output_that_takes_a_part_is_an_error() -> None:
    class Short(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return super().write(data[:5])

    with pytest.raises(FileError, match="took 5 of"):
        Writer(Short(), make_header())

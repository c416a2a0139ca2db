from __future__ import annotations

import io
import os
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codectool.container import Audio, Header, Reader, Writer
from codectool.errors import DataError, UsageError

from .samples import (
    ExactPipe,
    LivePipe,
    Pipe,
    check_codes,
    make_codes,
    make_file,
    make_header,
    open_packet,
    read,
    samples_of,
    split,
)

SHAPES = [
    {"levels": levels, "streams": streams, "bits_per_code": bits}
    for levels, streams, bits in [(1, 1, 1), (1, 1, 10), (32, 1, 10), (3, 8, 7), (2, 5, 16), (5, 2, 13)]
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("frames", [0, 1, 74, 75, 76, 150, 151])
@pytest.mark.parametrize("tags", [{}, {"title": "A"}])
def test_round_trip(shape: dict[str, int], frames: int, tags: dict[str, str]) -> None:
    header = make_header(**shape)
    codes = make_codes(header, frames)
    data = make_file(header, codes, tags)
    reader, events = read(data)
    assert check_codes(events, codes) == frames
    assert reader.header == header
    assert reader.complete
    assert not reader.gaps
    assert reader.total_samples == samples_of(header, frames)
    assert reader.tags == tags
    assert reader.bytes_read == len(data)
    assert reader.packets == len(split(data)) - 1


@pytest.mark.parametrize("frames_per_packet", [1, 2, 150, 400])
def test_other_packet_lengths(frames_per_packet: int) -> None:
    header = make_header(frames_per_packet=frames_per_packet)
    codes = make_codes(header, 300)
    reader, events = read(make_file(header, codes))
    assert [event.codes.shape[2] for event in events if isinstance(event, Audio)] == [
        min(frames_per_packet, 300 - start) for start in range(0, 300, frames_per_packet)
    ]
    assert check_codes(events, codes) == 300
    assert reader.complete


def wrap(stream: Any, buffered: bool) -> Any:
    return io.BufferedReader(stream) if buffered else stream


@pytest.mark.parametrize("step", [1, 2, 13, 100, 5000])
@pytest.mark.parametrize("buffered", [False, True])
def test_a_pipe_in_any_pieces(step: int, buffered: bool) -> None:
    header = make_header()
    codes = make_codes(header, 200)
    reader = Reader(wrap(Pipe(make_file(header, codes, {"title": "A"}), step), buffered))
    assert check_codes(list(reader), codes) == 200
    assert reader.complete


@pytest.mark.parametrize("kind", ["raw", "buffered", "exact"])
def test_each_packet_comes_as_soon_as_its_bytes_are_there(kind: str) -> None:
    header = make_header()
    codes = make_codes(header, 200)
    pieces = split(make_file(header, codes, {"title": "A"}))

    def open_at(packets: int) -> Reader:
        data = b"".join(pieces[: 1 + packets])
        if kind == "exact":
            return Reader(ExactPipe(data))
        return Reader(wrap(Pipe(data, step=5000, open_end=True), kind == "buffered"))

    assert open_at(0).header == header
    for packets, frames in [(1, 75), (2, 150), (4, 200)]:
        reader = open_at(packets)
        events = iter(reader)
        got = sum(next(events).codes.shape[2] for _ in range(-(-frames // 75)))
        assert got == frames
        assert (reader.total_samples is None) == (packets < 4)
        with pytest.raises(BlockingIOError):
            next(events)


@pytest.mark.parametrize("frames_per_packet", [1, 2, 75])
@pytest.mark.parametrize("buffered", [False, True])
def test_a_full_packet_is_heard_before_the_next_frame(buffered: bool, frames_per_packet: int) -> None:
    header = make_header(frames_per_packet=frames_per_packet)
    codes = make_codes(header, 2 * frames_per_packet)
    pipe = LivePipe()
    writer = Writer(pipe, header)
    reader = Reader(wrap(pipe, buffered))
    events = iter(reader)
    for start in (0, frames_per_packet):
        writer.write_codes(codes[:, :, start : start + frames_per_packet])
        event = next(events)
        assert event.first_frame == start
        assert check_codes([event], codes) == frames_per_packet
        assert reader.total_samples is None
    writer.finish(samples_of(header, 2 * frames_per_packet), {"title": "A"})
    with pytest.raises(BlockingIOError):  # only for foreign bytes behind the end
        next(events)
    assert reader.total_samples == samples_of(header, 2 * frames_per_packet)
    assert reader.tags == {"title": "A"}
    assert not pipe.left


def test_a_damaged_packet_delays_a_live_reader_by_itself_only() -> None:
    header = make_header()
    codes = make_codes(header, 200)
    pieces = split(make_file(header, codes))
    for bit in range(8 * len(pieces[1])):  # in its length too, which would otherwise wait for 64 KiB
        damaged = bytearray(pieces[1])
        damaged[bit // 8] ^= 1 << bit % 8
        reader = Reader(wrap(Pipe(pieces[0] + damaged + pieces[2], 5000, open_end=True), True))
        events = iter(reader)
        assert [next(events).first_frame for _ in range(2)] == [0, 75]


@pytest.mark.parametrize("frames", [150, 200])
def test_a_real_pipe_with_a_writer_that_waits(frames: int) -> None:
    header = make_header()
    codes = make_codes(header, frames)
    read_end, write_end = os.pipe()
    heard = threading.Semaphore(0)
    in_time = []

    def talk() -> None:
        with os.fdopen(write_end, "wb") as stream:
            writer = Writer(stream, header)
            for start in range(0, frames, 75):
                writer.write_codes(codes[:, :, start : start + 75])
                if start + 75 <= frames:
                    in_time.append(heard.acquire(timeout=30))
            writer.finish(samples_of(header, frames))

    talker = threading.Thread(target=talk)
    talker.start()
    events = []
    with os.fdopen(read_end, "rb") as stream:
        reader = Reader(stream)
        for event in reader:
            events.append(event)
            heard.release()
    talker.join()
    assert in_time == [True, True]
    assert check_codes(events, codes) == frames
    assert reader.complete


def test_memory_does_not_grow_with_length() -> None:
    header = make_header(levels=8)

    def peak(packets: int) -> int:
        pipe = Pipe(make_file(header, make_codes(header, 75 * packets), push=75), step=1 << 16)
        tracemalloc.start()
        for _ in Reader(pipe):
            pass
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most_bytes

    assert peak(2000) < 1.1 * peak(200)


@pytest.fixture
def long_file() -> tuple[Header, np.ndarray, bytes]:
    header = make_header()
    codes = make_codes(header, 1000)
    return header, codes, make_file(header, codes, {"title": "A"})


@pytest.mark.parametrize("frame", [0, 74, 75, 500, 974, 975, 999])
def test_seek(long_file: tuple[Header, np.ndarray, bytes], frame: int, tmp_path: Path) -> None:
    _, codes, data = long_file
    path = tmp_path / "x.ecdc"
    path.write_bytes(b"before" + data)
    with path.open("rb") as stream:
        stream.seek(6)
        reader = Reader(stream)
        next(iter(reader))
        reader.seek(frame)
        events = list(reader)
        assert events[0].first_frame == frame // 75 * 75
        assert check_codes(events, codes) == 1000 - frame // 75 * 75
        assert reader.complete
        assert reader.tags == {"title": "A"}
        reader.seek(0)
        assert check_codes(list(reader), codes) == 1000
        assert reader.complete


def test_seek_where_nothing_is(long_file: tuple[Header, np.ndarray, bytes]) -> None:
    _, _, data = long_file
    for wrong in (data[:-300], data[:100] + b"!" + data[100:], data[:3000] + b"!" + data[3001:]):
        reader = Reader(io.BytesIO(wrong))
        with pytest.raises(DataError, match="read the file from the start"):
            reader.seek(975 if wrong == data[:-300] else 1050)
    with pytest.raises(DataError):
        Reader(io.BytesIO(data)).seek(10**9)
    with pytest.raises(UsageError):
        Reader(io.BytesIO(data)).seek(-1)
    with pytest.raises(UsageError, match="pipe"):
        Reader(Pipe(data)).seek(0)


def test_seek_refuses_a_damaged_target(long_file: tuple[Header, np.ndarray, bytes]) -> None:
    _, codes, data = long_file
    pieces = split(data)
    pieces[4] = pieces[4][:50] + b"!" + pieces[4][51:]
    reader = Reader(io.BytesIO(b"".join(pieces)))
    with pytest.raises(DataError):
        reader.seek(3 * 75)
    reader.seek(4 * 75)
    assert check_codes(list(reader), codes) == 1000 - 4 * 75


def test_a_last_packet_without_frames_gives_no_audio() -> None:
    header = make_header()
    pieces = split(make_file(header, make_codes(header, 150)))
    assert len(pieces) == 4
    assert [len(open_packet(piece).payload) for piece in pieces[1:]] == [header.payload_bytes(75)] * 2 + [10]
    reader, events = read(b"".join(pieces))
    assert [event.first_frame for event in events] == [0, 75]
    assert all(isinstance(event, Audio) for event in events)
    reader, events = read(make_file(header, make_codes(header, 0)))
    assert events == []
    assert reader.complete


@pytest.mark.parametrize("tags", [{}, {"title": "A"}])
def test_seek_to_the_end_of_full_packets(tags: dict[str, str]) -> None:
    header = make_header()
    codes = make_codes(header, 150)
    reader = Reader(io.BytesIO(make_file(header, codes, tags)))
    for frame in (150, 224):  # no frames, but the packet that could have held them
        reader.seek(frame)
        assert list(reader) == []
        assert reader.complete
        assert (reader.total_samples, reader.tags) == (samples_of(header, 150), tags)
    reader.seek(149)
    assert check_codes(list(reader), codes) == 75
    with pytest.raises(DataError, match="no packet with frame 225"):
        reader.seek(225)


@pytest.mark.parametrize("frames", [150, 151])
def test_seek_takes_no_last_packet_for_one_further_on(frames: int) -> None:
    header = make_header()
    tags = {"title": "x" * (header.payload_bytes(75) - len('{"title":""}'))}  # as long as an audio packet
    reader = Reader(io.BytesIO(make_file(header, make_codes(header, frames), tags)))
    with pytest.raises(DataError, match="no packet with frame 225"):
        reader.seek(225)

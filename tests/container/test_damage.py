"""Damage of every kind: it is always found, and costs no more audio than it must."""

from __future__ import annotations

import io

import pytest

from codectool.container import Gap, Reader
from codectool.container.packets import COUNTS, HEAD, SYNC, Flag
from codectool.container.reader import FAILED_CHECKS_FACTOR, GAPS_KEPT
from codectool.errors import DataError
from codectool.files.byte_reader import CHUNK_BYTES

from .samples import (
    Pipe,
    check_codes,
    forge,
    gaps_of,
    lost,
    make_codes,
    make_file,
    make_header,
    read,
    samples_of,
    split,
)

HEADER = make_header(frames_per_packet=5)  # 13 bytes a payload
CODES = make_codes(HEADER, 28)
TAGS = {"title": "A"}
DATA = make_file(HEADER, CODES, TAGS)
PIECES = split(DATA)  # header, 5 full packets, tags, last with 3 frames
LENGTHS = [28, 25]  # frames: the last packet holds 3 of them, or none


def joined(*order: int) -> bytes:
    return b"".join(PIECES[index] for index in order)


@pytest.mark.parametrize("frames", LENGTHS)
def test_every_flipped_bit_is_found_and_costs_one_packet(frames: int) -> None:
    data = make_file(HEADER, CODES[:, :, :frames], TAGS)
    last = len(data) - len(split(data)[-1])  # its offset
    for bit in range(8 * HEADER.size_bytes, 8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        reader, events = read(bytes(damaged))
        in_last = bit // 8 >= last
        assert not reader.complete
        assert reader.gap_count == 1
        assert check_codes(events, CODES) >= (25 if in_last else frames - 5)
        assert (reader.total_samples is None) == in_last
        assert (gaps_of(events)[0].frames is None) == in_last


@pytest.mark.parametrize("frames", LENGTHS)
def test_every_cut_gives_all_before_it(frames: int) -> None:
    data = make_file(HEADER, CODES[:, :, :frames], TAGS)
    ends = [len(joined(*range(count + 1))) for count in range(1, 6)]
    for end in range(len(data)):
        if end < HEADER.size_bytes:
            with pytest.raises(DataError):
                Reader(io.BytesIO(data[:end]))
            continue
        reader, events = read(data[:end])
        whole = 5 * sum(end >= packet_end for packet_end in ends)
        assert check_codes(events, CODES) == whole
        assert lost(events) == [(whole, None)]
        assert not reader.complete
        assert reader.total_samples is None
        assert reader.tags == {}


@pytest.mark.parametrize("packet", range(1, 6))
def test_a_dropped_packet_is_missed(packet: int) -> None:
    reader, events = read(joined(*(index for index in range(8) if index != packet)))
    assert lost(events) == [(5 * (packet - 1), 5)]
    assert gaps_of(events)[0].reason == f"packets are missing from number {packet - 1} to {packet - 1}"
    assert check_codes(events, CODES) == 23
    assert (reader.total_samples, reader.tags) == (samples_of(HEADER, 28), TAGS)


def test_damage_before_an_empty_last_packet_is_in_its_place() -> None:
    pieces = split(make_file(HEADER, CODES[:, :, :25], TAGS))  # header, 5 full packets, tags, last with none
    for without, damage in ((5, (20, 5)), (6, (25, 0)), (7, (25, None))):
        reader, events = read(b"".join(pieces[:without] + pieces[without + 1 :]))
        assert lost(events) == [damage]
        assert check_codes(events, CODES) == (20 if without == 5 else 25)
        assert not reader.complete
    for foreign in ([*pieces[:7], b"foreign", pieces[7]], [*pieces, b"foreign"]):
        reader, events = read(b"".join(foreign))
        assert lost(events) == [(25, 0)]
        assert check_codes(events, CODES) == 25
        assert reader.total_samples == samples_of(HEADER, 25)


def test_several_packets_in_a_row_are_one_gap() -> None:
    _, events = read(joined(0, 1, 5, 6, 7))
    assert lost(events) == [(5, 15)]


@pytest.mark.parametrize("packet", range(1, 6))
def test_a_repeated_packet_is_read_once(packet: int) -> None:
    reader, events = read(joined(*range(packet + 1), *range(packet, 8)))
    assert check_codes(events, CODES) == 28
    assert lost(events) == [(5 * packet, 0)]
    assert "comes again" in reader.gaps[0].reason


def test_reordered_packets_keep_the_order_of_time() -> None:
    reader, events = read(joined(0, 1, 3, 2, 4, 5, 6, 7))
    assert lost(events) == [(5, 5), (15, 0)]
    assert check_codes(events, CODES) == 23
    assert not reader.complete


def test_damage_in_two_packets_far_apart_is_two_gaps() -> None:
    damaged = bytearray(DATA)
    for packet in (2, 4):
        damaged[len(joined(*range(packet))) + 12] ^= 255
    _, events = read(bytes(damaged))
    assert lost(events) == [(5, 5), (15, 5)]


@pytest.mark.parametrize("length", [1, 9, 1000])
@pytest.mark.parametrize("place", range(1, 8))
@pytest.mark.parametrize("filling", [b"\x00", SYNC, SYNC + bytes(7)])
def test_foreign_bytes_between_packets_cost_no_audio(length: int, place: int, filling: bytes) -> None:
    foreign = (filling * length)[:length]
    reader, events = read(joined(*range(place)) + foreign + joined(*range(place, 8)))
    assert check_codes(events, CODES) == 28
    assert lost(events) == [(min(25, 5 * (place - 1)), 0)]
    assert not reader.complete
    assert reader.total_samples == samples_of(HEADER, 28)


@pytest.mark.parametrize("tail", [b"\x00", DATA, PIECES[-1], bytes(100_000)])
def test_bytes_after_the_end_are_reported(tail: bytes) -> None:
    reader, events = read(DATA + tail)
    assert check_codes(events, CODES) == 28
    assert lost(events) == [(28, 0)]
    assert reader.gaps[0].reason == f"foreign bytes follow the last packet from byte {len(DATA)} on"
    assert reader.bytes_read == len(DATA)
    assert not reader.complete


def test_an_endless_tail_is_not_read() -> None:
    tail = Pipe(DATA + bytes(10 * CHUNK_BYTES), CHUNK_BYTES)
    list(Reader(tail))
    assert len(tail.left) >= 9 * CHUNK_BYTES


def test_lost_tags_cost_no_audio() -> None:
    for data in (joined(0, 1, 2, 3, 4, 5, 7), DATA.replace(b"title", b"titel")):
        reader, events = read(data)
        assert check_codes(events, CODES) == 28
        assert lost(events) == [(25, 0)]
        assert reader.tags == {}
        assert reader.total_samples == samples_of(HEADER, 28)


def test_malformed_tags_with_a_good_checksum_cost_no_audio() -> None:
    audio = [(0, index, bytes(13)) for index in range(2)]
    last = (Flag.LAST | Flag.TAGGED, 3, COUNTS.pack(1, 10) + bytes(3))
    for payload in (b"{}", b"[" * 16384, b'{"a":"1","a":"2"}'):
        reader, events = read(forge(HEADER, *audio, (Flag.TAGS, 2, payload), last))
        assert lost(events) == [(10, 0)]
        assert "malformed" in reader.gaps[0].reason
        assert reader.tags == {}
        assert reader.total_samples == 10


def test_tags_out_of_place_are_dropped() -> None:
    tags = (Flag.TAGS, 1, b'{"a":"1"}')
    last = (Flag.LAST, 2, COUNTS.pack(1, 10) + bytes(3))
    reader, events = read(forge(HEADER, (0, 0, bytes(13)), tags, (0, 1, bytes(13)), last))
    assert lost(events) == [(5, 0)]
    assert reader.tags == {}
    reader, events = read(forge(HEADER, (0, 0, bytes(13)), tags, last))  # the last knows of no tags
    assert lost(events) == [(5, 5)]
    assert reader.tags == {}
    last = (Flag.LAST | Flag.TAGGED, 3, COUNTS.pack(1, 10) + bytes(3))  # the last means others
    reader, events = read(forge(HEADER, (0, 0, bytes(13)), tags, last))
    assert lost(events) == [(5, 5)]
    assert reader.tags == {}


@pytest.mark.parametrize(
    "packet",
    [
        (0, 1, b"\xff" * 13),  # padding bits set
        (8, 1, bytes(13)),  # reserved flags
        (16, 1, bytes(13)),
        (Flag.TAGGED, 1, bytes(13)),
        (Flag.TAGS | Flag.LAST, 1, bytes(13)),
        (0, 1, bytes(12)),
        (0, 1, bytes(14)),
        (Flag.LAST, 1, bytes(9)),
        (Flag.LAST, 1, bytes(21)),
        (Flag.LAST, 0, COUNTS.pack(1, 1) + bytes(3)),  # before what was read already
        (Flag.LAST | Flag.TAGGED, 1, COUNTS.pack(1, 1) + bytes(3)),
        (Flag.LAST, 1, COUNTS.pack(5, 1) + bytes(13)),  # a full packet is never last
        (Flag.LAST, 1, COUNTS.pack(0, 1) + bytes(1)),
        (Flag.LAST, 1, COUNTS.pack(0, 6 * 588 + 1)),  # more samples than its 5 frames stand for
        (Flag.LAST, 1, COUNTS.pack(1, 2**63) + bytes(3)),
        (Flag.TAGS, 1, bytes(16385)),
    ],
)
def test_a_good_checksum_does_not_make_a_packet_possible(packet: tuple[int, int, bytes]) -> None:
    first = (0, 0, bytes(13))
    reader, events = read(forge(HEADER, first, packet))
    assert lost(events) == [(5, None)]
    assert reader.total_samples is None
    reader, events = read(forge(HEADER, first, packet, (Flag.LAST, 2, COUNTS.pack(1, 10) + bytes(3))))
    assert lost(events) == [(5, 5)]
    assert reader.total_samples == 10


def test_packets_of_another_file_are_not_taken() -> None:
    other = make_header(frames_per_packet=5, fingerprint=bytes(8))
    foreign = split(make_file(other, make_codes(other, 28, seed=1), TAGS))
    assert [len(piece) for piece in foreign] == [len(piece) for piece in PIECES]
    _, events = read(joined(0, 1, 2) + foreign[3] + joined(4, 5, 6, 7))
    assert lost(events) == [(10, 5)]
    _, events = read(joined(0, 1, 2) + b"".join(foreign[3:]))
    assert lost(events) == [(10, None)]


def test_a_whole_packet_inside_a_damaged_length_is_found() -> None:
    claim = HEAD.pack(SYNC, Flag.TAGS, 3, 16384)
    _, events = read(joined(0, 1, 2) + claim + joined(3, 4, 5, 6, 7))
    assert check_codes(events, CODES) == 28
    assert lost(events) == [(10, 0)]


def test_a_jump_in_sequence_is_a_number_not_memory() -> None:
    last = (Flag.LAST, 2**32 - 1, COUNTS.pack(4, 0) + bytes(10))
    _, events = read(forge(HEADER, (0, 0, bytes(13)), last))
    assert lost(events) == [(5, 5 * (2**32 - 2))]


def test_sown_sync_words_do_not_take_quadratic_time() -> None:
    claim = HEAD.pack(SYNC, Flag.TAGS, 0, 16384)
    data = HEADER.to_bytes() + claim * (300_000 // len(claim))
    reader, events = read(data)
    assert lost(events) == [(0, None)]
    assert reader._failed_bytes < (FAILED_CHECKS_FACTOR + 1) * len(data)


def test_packets_behind_false_ones_are_still_found() -> None:
    claim = HEAD.pack(SYNC, Flag.TAGS, 0, 16384)
    _, events = read(joined(0) + claim * 2000 + bytes(20_000) + joined(*range(1, 8)))
    assert lost(events)[-1] == (0, 0)
    assert check_codes(events, CODES) == 28


def test_foreign_bytes_are_read_in_large_pieces() -> None:
    class Counted(io.BytesIO):
        reads = 0

        def read1(self, count: int | None = -1, /) -> bytes:
            self.reads += 1
            return super().read1(count)

    stream = Counted(joined(0, 1) + bytes(16 * CHUNK_BYTES) + joined(2, 3, 4, 5, 6, 7))
    assert check_codes(list(Reader(stream)), CODES) == 28
    assert stream.reads < 32


def test_gaps_kept_are_limited_but_all_are_counted() -> None:
    tail = [(Flag.LAST, 2 * GAPS_KEPT + 10, COUNTS.pack(1, 10) + bytes(3))]
    packets = [(0, 2 * index, bytes(13)) for index in range(GAPS_KEPT + 5)]
    reader = Reader(io.BytesIO(forge(HEADER, *packets, *tail)))
    events = list(reader)
    assert len(reader.gaps) == GAPS_KEPT
    assert reader.gap_count == sum(isinstance(event, Gap) for event in events) == GAPS_KEPT + 5

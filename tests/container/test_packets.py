from __future__ import annotations

import pytest

from codectool.container.packets import (
    COUNTS,
    OVERHEAD_BYTES,
    SYNC,
    Flag,
    Packet,
    payload_lengths,
    total_samples_limit,
    unpack_last,
    write_packet,
)
from codectool.container.tags import TAGS_LIMIT_BYTES
from codectool.errors import DataError, UsageError

from .samples import make_header

HEADER = make_header(levels=1, frames_per_packet=8)  # 10 bytes a packet


def test_overhead() -> None:
    assert OVERHEAD_BYTES == 13
    assert len(write_packet(HEADER, 0, 0, bytes(10))) == 23


def test_the_checksum_belongs_to_the_file_header() -> None:
    other = make_header(levels=1, frames_per_packet=8, fingerprint=bytes(8))
    assert write_packet(HEADER, 0, 0, bytes(10))[:-4] == write_packet(other, 0, 0, bytes(10))[:-4]
    assert write_packet(HEADER, 0, 0, bytes(10))[-4:] != write_packet(other, 0, 0, bytes(10))[-4:]


def test_the_sync_word_occurs_in_no_text() -> None:
    for tail in range(256):
        with pytest.raises(UnicodeDecodeError):
            (SYNC + bytes([tail])).decode()


def test_payload_lengths_follow_from_flags_and_header() -> None:
    assert list(payload_lengths(HEADER, 0)) == [10]
    assert list(payload_lengths(HEADER, Flag.LAST)) == list(range(10, 20))  # 0 to 7 frames
    assert payload_lengths(HEADER, Flag.LAST | Flag.TAGGED) == payload_lengths(HEADER, Flag.LAST)
    assert payload_lengths(HEADER, Flag.TAGS) == range(1, TAGS_LIMIT_BYTES + 1)
    for flags in set(range(256)) - {0, 1, 2, 5}:
        assert not payload_lengths(HEADER, flags)


@pytest.mark.parametrize(
    "shape",
    [
        {"streams": 8, "levels": 64, "bits_per_code": 16, "frames_per_packet": 63},
        {"streams": 25, "levels": 1, "bits_per_code": 8, "frames_per_packet": 2621},  # the most: 65525 bytes
        {"streams": 1, "levels": 8, "bits_per_code": 1, "frames_per_packet": 65525},
    ],
)
def test_every_packet_fits_its_length_field(shape: dict[str, int]) -> None:
    header = make_header(**shape)
    for flags in (0, Flag.LAST):
        assert max(payload_lengths(header, flags)) <= 65535
    with pytest.raises(UsageError, match="do not fit a packet"):
        make_header(**shape | {"frames_per_packet": 65526 if shape["bits_per_code"] == 1 else 2622})


def test_of_one_frame_a_packet_the_last_holds_none() -> None:
    header = make_header(frames_per_packet=1)
    assert list(payload_lengths(header, Flag.LAST)) == [10]


@pytest.mark.parametrize(
    ("flags", "sequence", "frames", "samples", "codes_bytes", "message"),
    [
        (Flag.LAST, 2, 8, 100, 10, "8 frames cannot be"),
        (Flag.LAST, 2, 9, 100, 12, "9 frames cannot be"),
        (Flag.LAST | Flag.TAGGED, 0, 0, 1, 0, "0 frames cannot be"),
        (Flag.LAST, 2, 0, 17 * 588 + 1, 0, "16 frames are too few"),
        (Flag.LAST, 2, 0, 100, 1, "do not hold 0 frames"),
        (Flag.LAST | Flag.TAGGED, 0, 1, 1, 2, "1 frames cannot be"),
        (Flag.LAST, 0, 1, 1177, 2, "too few for 1177 samples"),
        (Flag.LAST, 0, 1, 2**64 - 1, 2, "too few"),
        (Flag.LAST, 0, 1, 1, 3, "do not hold 1 frames"),
        (Flag.LAST, 0, 2, 1, 2, "do not hold 2 frames"),
    ],
)
def test_an_impossible_last_packet_is_refused(
    flags: int, sequence: int, frames: int, samples: int, codes_bytes: int, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        unpack_last(HEADER, Packet(flags, sequence, COUNTS.pack(frames, samples) + bytes(codes_bytes)))


@pytest.mark.parametrize(("flags", "sequence"), [(Flag.LAST, 2), (Flag.LAST | Flag.TAGGED, 3)])
def test_a_last_packet_without_frames_counts_those_before(flags: int, sequence: int) -> None:
    codes, scale, samples = unpack_last(HEADER, Packet(flags, sequence, COUNTS.pack(0, 17 * 588)))
    assert (codes.shape, scale, samples) == ((1, 1, 0), None, 17 * 588)


def test_samples_allowed() -> None:
    assert total_samples_limit(HEADER, 0) == 320 * 44100 // 24000 == 588
    assert total_samples_limit(HEADER, 1) == 1176
    codes, scale, samples = unpack_last(HEADER, Packet(Flag.LAST, 0, COUNTS.pack(1, 1176) + bytes(2)))
    assert (codes.shape, scale, samples) == ((1, 1, 1), None, 1176)

"""A header that is not whole at the first byte: repaired, or found further on (FORMAT.md, 7.8 and 7.9)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from codectool.container.header import (
    CHECKSUM,
    HEADER_LIMIT_BYTES,
    MAGIC,
    START,
    VERSION,
    Header,
    is_other_audio,
    parse_header,
    read_header,
)
from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

SEARCHED_BYTES = 64 * 1024  # before a header: more than the tags or the mail that a file may be wrapped in
OPENING = MAGIC + bytes([VERSION])
LENGTH_AT = len(OPENING)  # offset of the header's length


@dataclass(frozen=True)
class Found:
    """A header that was found, and the bytes after it.

    `foreign_bytes` is how many stood before it, and `damage` says what was wrong, None if nothing.
    """

    header: Header
    source: ByteReader
    foreign_bytes: int = 0
    damage: str | None = None


def find_header(source: ByteReader) -> Found:
    """Take the header from the bytes of a file, past damage that leaves no doubt.

    A single flipped bit is put right, and up to 65536 foreign bytes before the header are passed over.
    DataError, as of `read_header`, for anything else.
    """
    try:
        return Found(read_header(source), source)
    except DataError:
        found = _repaired(source) or _found_further_on(source)
        if found is None:
            raise
        return found


def _repaired(source: ByteReader) -> Found | None:
    """Return the header that one other bit makes good; at its length two flipped bits cannot pass for one."""
    source.fill(HEADER_LIMIT_BYTES)
    head = bytearray(source.ahead[:HEADER_LIMIT_BYTES])
    wrong_bits = sum((a ^ b).bit_count() for a, b in zip(head, OPENING, strict=False))
    if len(head) <= LENGTH_AT or wrong_bits > 1:
        return None
    for bit in range(8 * len(head)):
        head[bit // 8] ^= 1 << bit % 8
        header = _good_header(head)
        if header is not None:
            source.skip(header.size_bytes)
            return Found(header, source, 0, f"a bit of the file header was flipped, at byte {bit // 8}")
        head[bit // 8] ^= 1 << bit % 8
    return None


def _found_further_on(source: ByteReader) -> Found | None:
    if is_other_audio(bytes(source.ahead[: len(OPENING)])):  # of a pipe it would be waited for in vain
        return None
    source.fill(SEARCHED_BYTES + HEADER_LIMIT_BYTES)
    at = source.ahead.find(OPENING, 1)
    while 0 < at <= SEARCHED_BYTES:
        header = _good_header(source.ahead[at : at + HEADER_LIMIT_BYTES])
        if header is not None:
            source.skip(at + header.size_bytes)
            source.position = header.size_bytes
            return Found(header, source, at, f"{at} foreign bytes stand before the file header")
        at = source.ahead.find(OPENING, at + 1)
    return None


def _good_header(data: bytes | bytearray) -> Header | None:
    """Return the header at the beginning of data, None if it is not whole and good."""
    if len(data) <= LENGTH_AT or data[:LENGTH_AT] != OPENING:
        return None
    size = data[LENGTH_AT]
    end = size - CHECKSUM.size
    if not START.size < end < len(data) or data[end:size] != CHECKSUM.pack(zlib.crc32(data[:end])):
        return None
    try:
        return parse_header(bytes(data[START.size : end]))
    except DataError:
        return None

"""The header of a WAV stream (RIFF, RF64, BW64), read forwards, so that it may come through a pipe.

Writers that cannot go back to fill in the sizes leave 0, 0xFFFFFFFF or something near 0x7FFFFFFF there. Such
sizes mean "to the end", and telling them from honest ones is most of what this file does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from codectool.audio.pcm import (
    DOUBLE,
    FLOAT,
    PCM_16,
    PCM_24,
    PCM_32,
    PCM_U8,
    PcmCoding,
    check_rate_and_channels,
)
from codectool.audio.tags import TAG_OF_INFO, clean_tag
from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

HEAD_BYTES = 12  # "RIFF", size, "WAVE"
FORMAT_PCM = 1
FORMAT_FLOAT = 3
FORMAT_EXTENSIBLE = 0xFFFE
# What follows the two bytes of the format tag in the sub-format identifier of the extensible form.
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
CODING_OF_FORMAT: dict[tuple[int, int], PcmCoding] = {
    (FORMAT_PCM, 8): PCM_U8,
    (FORMAT_PCM, 16): PCM_16,
    (FORMAT_PCM, 24): PCM_24,
    (FORMAT_PCM, 32): PCM_32,
    (FORMAT_FLOAT, 32): FLOAT,
    (FORMAT_FLOAT, 64): DOUBLE,
}

SIZE32_UNKNOWN = 0xFFFFFFFF
OPEN_ENDED32_BYTES = 0x7FFFF000  # sox's size for pipes; others write a little more
OPEN_ENDED64_BYTES = 1 << 63

# What a header may hold before it is taken for hostile.
CHUNKS_MAX = 1024
FMT_MAX_BYTES = 4096
LIST_MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class WavHeader:
    """What a WAV header says, the stream standing at the first sample.

    `data_bytes` is None when the samples go on to the end of the stream. `coding` is None when it is not PCM;
    the stream then stands behind the format chunk, and `opening` is a header that what follows continues.
    `end_bytes` is the position where the chunks after the samples end, None when it is unknown.
    """

    rate_hz: int
    channels: int
    coding: PcmCoding | None
    data_bytes: int | None
    end_bytes: int | None
    tags: dict[str, str]
    opening: bytes = b""


def is_wav(head: bytes) -> bool:
    """Whether the first bytes of a stream are those of a WAV stream we read ourselves."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def read_wav_header(stream: ByteReader) -> WavHeader:
    """Read up to the first sample; DataError when that is not to be had."""
    riff_id, riff_bytes, _ = struct.unpack("<4sI4s", stream.read_fully(HEAD_BYTES))
    sizes = _Sizes(stream, riff_bytes, is_64=riff_id != b"RIFF")
    fmt: _Format | None = None
    tags: dict[str, str] = {}
    for _ in range(CHUNKS_MAX):
        chunk = _read_chunk_head(stream)
        if chunk is None:
            raise DataError(f"{stream.name}: ends within its WAV header; is the file complete?")
        chunk_id, chunk_bytes = chunk
        if chunk_id == b"data":
            if fmt is None:
                raise DataError(f"{stream.name}: is a WAV without a format before its samples; it is damaged")
            data_bytes = sizes.data_bytes(chunk_bytes, fmt.sample_bytes)
            return WavHeader(fmt.rate_hz, fmt.channels, fmt.coding, data_bytes, sizes.end_bytes, tags)
        if chunk_id == b"ds64":
            sizes.read_ds64(chunk_bytes)
        elif chunk_id == b"fmt ":
            fmt, body = _read_format(stream, chunk_bytes)
            if fmt.coding is None:
                head = struct.pack("<4sI4s4sI", b"RIFF", SIZE32_UNKNOWN, b"WAVE", b"fmt ", len(body))
                return WavHeader(fmt.rate_hz, fmt.channels, None, None, None, tags, head + body)
        else:
            _read_list_or_skip(stream, chunk_id, chunk_bytes, tags)
    raise DataError(f"{stream.name}: has over {CHUNKS_MAX} chunks before its samples; it is damaged")


def read_tags_after_data(stream: ByteReader, header: WavHeader) -> None:
    """Add to the header's tags those that stand behind the samples, where its sizes say there may be any."""
    end_bytes = header.end_bytes or 0
    if stream.position < end_bytes:  # further on a pipe may stay silent, but open
        stream.skip((header.data_bytes or 0) % 2)
    for _ in range(CHUNKS_MAX):
        if stream.position >= end_bytes:
            return
        chunk = _read_chunk_head(stream)
        if chunk is None:
            return
        _read_list_or_skip(stream, *chunk, header.tags)


class _Sizes:
    """The sizes in a header, and which of them to believe."""

    def __init__(self, stream: ByteReader, riff_bytes: int, is_64: bool) -> None:
        self._stream = stream
        self._riff_bytes = riff_bytes
        self._is_64 = is_64
        self._data64_bytes = 0

    def read_ds64(self, chunk_bytes: int) -> None:
        """Take the sizes of 64 bits that RF64 puts in a chunk of their own."""
        body = self._stream.read_fully(min(chunk_bytes, 16))
        self._stream.skip(chunk_bytes + chunk_bytes % 2 - len(body))
        if self._is_64 and len(body) == 16:
            self._riff_bytes, self._data64_bytes = struct.unpack("<QQ", body)

    @property
    def _open_ended_bytes(self) -> int:
        return OPEN_ENDED64_BYTES if self._is_64 else OPEN_ENDED32_BYTES

    @property
    def end_bytes(self) -> int | None:
        """Where the whole ends, None when that is unknown."""
        if self._stream.size_bytes is not None:
            return self._stream.size_bytes
        if self._riff_bytes in (0, SIZE32_UNKNOWN) or self._riff_bytes >= self._open_ended_bytes:
            return None
        return self._riff_bytes + 8

    def data_bytes(self, claimed: int, sample_bytes: int) -> int | None:
        """How many bytes of samples follow; None for all there are."""
        if self._is_64 and claimed == SIZE32_UNKNOWN:
            claimed = self._data64_bytes
        riff_end = self._riff_bytes + 8
        size = self._stream.size_bytes
        if claimed == 0:
            if not self._stream.position < riff_end < self._open_ended_bytes:
                return None  # nor does the header know of any chunk behind: it was never filled in
            if not self._is_chunk_next(riff_end):  # its writer knew only the whole size
                return min(riff_end, riff_end if size is None else size) - self._stream.position
            return 0
        if size is not None and size <= riff_end <= size + 1:  # the writer did go back: every size is honest
            return claimed
        if claimed == SIZE32_UNKNOWN or claimed > self._open_ended_bytes - sample_bytes:
            return None
        return claimed

    def _is_chunk_next(self, end_bytes: int) -> bool:
        """Whether what follows is a chunk that ends within the whole, and not samples."""
        head = self._stream.peek(8)
        chunk_bytes = int.from_bytes(head[4:], "little")
        is_named = head[:4].isascii() and head[:4].decode("ascii", "replace").isprintable()
        return len(head) == 8 and is_named and self._stream.position + 8 + chunk_bytes <= end_bytes


@dataclass(frozen=True)
class _Format:
    rate_hz: int
    channels: int
    coding: PcmCoding | None
    sample_bytes: int


def _read_format(stream: ByteReader, chunk_bytes: int) -> tuple[_Format, bytes]:
    """Read the format chunk; gives its meaning and its bytes, padded."""
    padded_bytes = chunk_bytes + chunk_bytes % 2
    if not 16 <= chunk_bytes <= FMT_MAX_BYTES:
        raise DataError(f"{stream.name}: has a WAV format chunk of {chunk_bytes} bytes; it is damaged")
    body = stream.read_fully(padded_bytes)
    if len(body) < chunk_bytes:
        raise DataError(f"{stream.name}: ends within its WAV header; is the file complete?")
    tag, channels, rate_hz, _, sample_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == FORMAT_EXTENSIBLE and body[26:40] == SUBFORMAT_TAIL:
        (tag,) = struct.unpack_from("<H", body, 24)
    check_rate_and_channels(stream.name, rate_hz, channels)
    coding = CODING_OF_FORMAT.get((tag, -(-bits // 8) * 8))  # 12 bits, say, fill the upper ones of 16
    if coding is not None and sample_bytes != channels * coding.sample_bytes:
        coding = None
    return _Format(rate_hz, channels, coding, sample_bytes), body


def _read_chunk_head(stream: ByteReader) -> tuple[bytes, int] | None:
    head = stream.read_fully(8)
    if len(head) < 8:
        return None
    return head[:4], int.from_bytes(head[4:], "little")


def _read_list_or_skip(stream: ByteReader, chunk_id: bytes, chunk_bytes: int, tags: dict[str, str]) -> None:
    padded_bytes = chunk_bytes + chunk_bytes % 2
    if chunk_id != b"LIST" or chunk_bytes > LIST_MAX_BYTES:
        stream.skip(padded_bytes)
        return
    body = stream.read_fully(padded_bytes)
    if body[:4] != b"INFO":
        return
    at = 4
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        tag = TAG_OF_INFO.get(body[at : at + 4])
        text = clean_tag(body[at + 8 : at + 8 + size].split(b"\0")[0])
        if tag and text:
            tags[tag] = text
        at += 8 + size + size % 2

"""The header of a WAV: for a file filled in at the end, for a pipe never."""

from __future__ import annotations

import struct

from codectool.audio.pcm import PcmCoding
from codectool.audio.tags import TAG_OF_INFO
from codectool.audio.wav_reader import FORMAT_FLOAT, FORMAT_PCM, SIZE32_UNKNOWN

RIFF_MAX_BYTES = SIZE32_UNKNOWN - 1  # larger files become RF64
DS64_BYTES = 28  # RIFF size, data size, samples (8 bytes each) and an empty table's length (4)


def wav_header(
    coding: PcmCoding,
    rate_hz: int,
    channels: int,
    tags: dict[str, str],
    data_bytes: int | None,
    *,
    room_for_64: bool,
    bytes_after: int = 0,
) -> bytes:
    """A header up to the first sample, of the same length whatever `data_bytes` is.

    None means unknown: both sizes are then 0xFFFFFFFF, which readers of pipes take as "to the end". With
    `room_for_64` there is room to become RF64, which it does where 32 bits cannot hold the size.
    `bytes_after` are those of chunks behind the samples.
    """
    sample_bytes = coding.sample_bytes * channels
    tag = FORMAT_FLOAT if coding.kind == "float" else FORMAT_PCM
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * sample_bytes, sample_bytes, coding.bits)
    middle = _chunk(b"fmt ", fmt) + info_chunk(tags)
    room_bytes = 8 + DS64_BYTES if room_for_64 else 0
    before_data_bytes = len(b"WAVE") + room_bytes + len(middle) + 8
    riff_id, riff_bytes, room_id, room = b"RIFF", SIZE32_UNKNOWN, b"JUNK", bytes(DS64_BYTES)
    data32_bytes = SIZE32_UNKNOWN
    if data_bytes is not None:
        riff_bytes = before_data_bytes + data_bytes + data_bytes % 2 + bytes_after
        data32_bytes = data_bytes
        if riff_bytes > RIFF_MAX_BYTES:
            room = struct.pack("<QQQI", riff_bytes, data_bytes, data_bytes // sample_bytes, 0)
            riff_id, riff_bytes, room_id, data32_bytes = b"RF64", SIZE32_UNKNOWN, b"ds64", SIZE32_UNKNOWN
    head = struct.pack("<4sI4s", riff_id, riff_bytes, b"WAVE")
    return (
        head
        + (_chunk(room_id, room) if room_for_64 else b"")
        + middle
        + struct.pack("<4sI", b"data", data32_bytes)
    )


def info_chunk(tags: dict[str, str]) -> bytes:
    """Return the chunk that holds tags, empty without any."""
    entries = b"".join(
        _chunk(info_id, tags[tag].encode() + b"\0") for info_id, tag in TAG_OF_INFO.items() if tags.get(tag)
    )
    return _chunk(b"LIST", b"INFO" + entries) if entries else b""


def _chunk(chunk_id: bytes, body: bytes) -> bytes:
    return chunk_id + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

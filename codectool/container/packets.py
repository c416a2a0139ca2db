"""Packets: what is checked, numbered and found again (FORMAT.md, section 3).

A header flag will announce entropy-coded payloads, and a flag here will mark them.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from enum import IntFlag

from codectool.container import bits
from codectool.container.bits import Codes
from codectool.container.header import CHECKSUM, SCALE, Header
from codectool.container.tags import TAGS_LIMIT_BYTES
from codectool.errors import DataError

SYNC = b"\xec\xdc"
HEAD = struct.Struct(">2sBIH")  # sync word, flags, sequence number, payload length
COUNTS = struct.Struct(">HQ")  # frames in the last packet, total samples
OVERHEAD_BYTES = HEAD.size + CHECKSUM.size
SEQUENCE_LIMIT = 2**32


class Flag(IntFlag):
    """The kind of a packet; one without flags is audio, and full."""

    LAST = 1
    TAGS = 2
    TAGGED = 4  # only beside LAST: a tags packet stands directly before


@dataclass(frozen=True)
class Packet:
    """A packet whose checksum was good."""

    flags: int
    sequence: int
    payload: bytes

    @property
    def audio_index(self) -> int:
        """Number of audio packets before this one."""
        return self.sequence - (1 if self.flags & Flag.TAGGED else 0)


def write_packet(header: Header, flags: int, sequence: int, payload: bytes) -> bytes:
    """Return a packet as it stands in the file of that header."""
    packet = HEAD.pack(SYNC, flags, sequence, len(payload)) + payload
    return packet + CHECKSUM.pack(zlib.crc32(packet, header.checksum))


def payload_lengths(header: Header, flags: int) -> range:
    """Return the payload lengths a packet with these flags may have; none if no packet has such flags.

    Knowing them before the payload is there keeps a reader from waiting for bytes that will never come.
    """
    full = header.payload_bytes(header.frames_per_packet)
    if flags == 0:
        return range(full, full + 1)
    if flags == Flag.TAGS:
        return range(1, TAGS_LIMIT_BYTES + 1)
    if flags in (Flag.LAST, Flag.LAST | Flag.TAGGED):
        return range(COUNTS.size, COUNTS.size + header.payload_bytes(header.frames_per_packet - 1) + 1)
    return range(0)


def duration_of(header: Header, size_bytes: int) -> float:
    """Return the seconds that a file of that size holds, to within a packet; tags count as audio."""
    packet_bytes = OVERHEAD_BYTES + header.payload_bytes(header.frames_per_packet)
    packet_s = header.frames_per_packet * header.hop_samples / header.model_rate_hz
    return max(0, size_bytes - header.size_bytes) / packet_bytes * packet_s


def unpack_audio(header: Header, packet: Packet) -> tuple[Codes, float | None]:
    """Return the codes `[streams, levels, frames]` of an audio packet, and the scale if it is a segment.

    Raises DataError if the packet is malformed.
    """
    return _unpack(header, packet.payload, header.frames_per_packet)


def unpack_last(header: Header, packet: Packet) -> tuple[Codes, float | None, int]:
    """Return the codes `[streams, levels, frames]` and scale of the last packet, and the total samples.

    Raises DataError if the packet is malformed, or its counts cannot be.
    """
    frames, total_samples = COUNTS.unpack_from(packet.payload)
    before = packet.audio_index
    if before < 0 or frames >= header.frames_per_packet:
        raise DataError(f"a last packet {packet.sequence} with {frames} frames cannot be")
    total_frames = before * header.frames_per_packet + frames
    if total_samples > total_samples_limit(header, total_frames):
        raise DataError(f"{total_frames} frames are too few for {total_samples} samples")
    return *_unpack(header, packet.payload[COUNTS.size :], frames), total_samples


def _unpack(header: Header, payload: bytes, frames: int) -> tuple[Codes, float | None]:
    if len(payload) != header.payload_bytes(frames):
        raise DataError(f"{len(payload)} bytes do not hold {frames} frames")
    scale: float | None = None
    if header.scaled and frames:
        scale = float(SCALE.unpack_from(payload)[0])
        if not 0 < scale < math.inf:
            raise DataError(f"the scale of a segment is {scale}")
        payload = payload[SCALE.size :]
    return bits.unpack(payload, (header.streams, header.levels, frames), header.bits_per_code), scale


def total_samples_limit(header: Header, frames: int) -> int:
    """Return the most samples, at the original rate, that so many frames may stand for.

    That is a hop more than the frames hold, which leaves room for rounding in resampling.
    """
    return (frames + 1) * header.hop_samples * header.original_rate_hz // header.model_rate_hz

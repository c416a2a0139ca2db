"""The reader of version 1: bytes in, codes and gaps out, in the order of time (FORMAT.md, section 7)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from codectool.container.bits import Codes
from codectool.container.finding import Found, find_header
from codectool.container.header import CHECKSUM, Header
from codectool.container.packets import (
    HEAD,
    OVERHEAD_BYTES,
    SYNC,
    Flag,
    Packet,
    payload_lengths,
    unpack_audio,
    unpack_last,
)
from codectool.container.tags import decode_tags
from codectool.errors import DataError, UsageError
from codectool.files.byte_reader import ByteReader

GAPS_KEPT = 1000  # a hostile file could make one of every few bytes
FAILED_CHECKS_FACTOR = 8  # honest damage fails about one check of each byte


@dataclass(frozen=True, eq=False)
class Audio:
    """Codes `[streams, levels, frames]` of one frame or more, from `first_frame` on.

    In a file of segments they are one segment, and `scale` is the factor of its decoded audio.
    """

    first_frame: int
    codes: Codes
    scale: float | None = None


@dataclass(frozen=True)
class Gap:
    """Damage: `frames` frames are lost from `first_frame` on.

    With 0 frames nothing is lost; None means all that follows, to an unknown end.
    """

    first_frame: int
    frames: int | None
    reason: str


Event: TypeAlias = Audio | Gap


class Reader:
    """Reads one file; iterating yields Audio and Gap in the order of time, as soon as their bytes are there.

    The stream may be a pipe that gives a byte at a time; `start` is what was read of it already. It is read
    ahead, and never closed. A foreign header raises DataError here, and so does one that is damaged beyond
    repair; with `header`, that of another file, the file's own is not needed. Damage further on is a Gap,
    never an exception. The stream's own errors pass through.

    A last packet without frames makes no Audio, and only sets `total_samples` and `tags`. So a recording
    without frames yields nothing.

    Attributes:
        header: what the file says about itself.
        total_samples: length at the original rate; None until the last packet was read, or if there is none.
        tags: the tags, empty until the last packet was read.
        gaps: the first 1000 gaps yielded.
        gap_count: number of all gaps yielded.
        packets: number of good packets read.
        complete: True once the last packet was read, nothing follows it, and there was no gap.
    """

    def __init__(self, stream: BinaryIO, start: bytes = b"", header: Header | None = None) -> None:
        self._stream = stream
        origin = stream.tell() - len(start) if stream.seekable() else None
        found = _found(ByteReader(stream, ahead=start), header)
        # With another file's header it is not known where this one's ends.
        self._origin = None if origin is None or header is not None else origin + found.foreign_bytes
        self.header = found.header
        self.total_samples: int | None = None
        self.tags: dict[str, str] = {}
        self.gaps: list[Gap] = []
        self.gap_count = 0
        self.packets = 0
        self.complete = False
        self._source = found.source
        self._next_index = 0  # audio packets accounted for
        self._held_tags: tuple[int, dict[str, str]] | None = None  # sequence number, tags
        self._damage = found.damage  # the first since the last event
        self._failed_bytes = 0
        self._finished = False

    @property
    def bytes_read(self) -> int:
        """The bytes of the file read so far; after the end, its size without foreign bytes behind it."""
        return self._source.position

    def __iter__(self) -> Iterator[Event]:
        while not self._finished:
            packet = self._next_packet()
            if packet is None:
                self._finished = True
                yield self._gap(None, "the file ends before its last packet")
                return
            try:
                opened = self._open(packet)
            except DataError as error:
                self._note(str(error))
                continue
            if opened is not None:
                yield from self._account(packet, *opened)

    def report(self, first_frame: int, reason: str) -> None:
        """Count damage that costs no codes, and that only a user of the codes can see."""
        self._gap(0, reason, first_frame)
        self.complete = False

    def seek(self, frame: int) -> None:
        """Go on with the packet that holds `frame`; iterate anew afterwards.

        The packet is found by its offset. A frame for which the last packet has room is looked for in it; if
        the file ends before that frame, no audio follows. Raises UsageError on a pipe, and DataError if the
        packet is not there, since the file is damaged or too short. The reader then is at the first packet
        again, and reading on tells which.
        """
        if self._origin is None:
            raise UsageError("a pipe cannot be sought in: read it from the start")
        if frame < 0:
            raise UsageError(f"frame {frame}: frames count from 0")
        header, index = self.header, frame // self.header.frames_per_packet
        packet_bytes = OVERHEAD_BYTES + header.payload_bytes(header.frames_per_packet)
        position = header.size_bytes + index * packet_bytes
        landed = None
        with suppress(OSError, ValueError):  # no file is so long
            self._go_to(position, index)
            landed = self._candidate() if self._source.fill(HEAD.size) else None
        # With tags before it the last packet is numbered one too high for its place: a match is by chance.
        if not isinstance(landed, Packet) or landed.sequence != index or landed.flags & Flag.TAGGED:
            self._go_to(header.size_bytes, 0)
            raise DataError(f"no packet with frame {frame} at byte {position}: read the file from the start")

    def _go_to(self, position: int, index: int) -> None:
        assert self._origin is not None
        self._stream.seek(self._origin + position)
        self._source = ByteReader(self._stream, position=position)
        self._next_index = index
        self._held_tags = self._damage = None
        self._finished = self.complete = False

    def _next_packet(self) -> Packet | None:
        """Return the next packet whose checks are good, None at the end of the stream."""
        source = self._source
        while source.fill(HEAD.size):
            candidate = self._candidate()
            if isinstance(candidate, Packet):
                source.skip(OVERHEAD_BYTES + len(candidate.payload))
                self.packets += 1
                return candidate
            self._note(f"{candidate} at byte {source.position}")
            source.skip_to_next(SYNC)
        if source.ahead:
            self._note(f"the file ends inside a packet at byte {source.position}")
            source.skip(len(source.ahead))
        return None

    def _candidate(self) -> Packet | str:
        """Return the packet that begins with the next byte, or what is wrong with it."""
        source = self._source
        sync, flags, sequence, length = HEAD.unpack_from(source.ahead)
        if sync != SYNC:
            return "no packet begins"
        if length not in payload_lengths(self.header, flags):
            return "a packet has impossible flags or length"
        if self._failed_bytes > FAILED_CHECKS_FACTOR * source.position:
            return "too many false packets"
        if not source.fill(OVERHEAD_BYTES + length):
            return "the file ends inside a packet"
        end = HEAD.size + length
        packet = bytes(source.ahead[: end + CHECKSUM.size])
        if packet[end:] != CHECKSUM.pack(zlib.crc32(packet[:end], self.header.checksum)):
            self._failed_bytes += end
            return "a packet's checksum is wrong"
        return Packet(flags, sequence, packet[HEAD.size : end])

    def _open(self, packet: Packet) -> tuple[Codes, float | None] | None:
        """Return a packet's codes and scale, None for tags, which are held.

        Raises DataError if it is malformed or out of turn.
        """
        if packet.audio_index < self._next_index:
            raise DataError(f"packet {packet.sequence} comes again or too late")
        if packet.flags & Flag.TAGS:
            self._drop_held_tags()
            self._held_tags = packet.sequence, decode_tags(packet.payload)
            return None
        if not packet.flags & Flag.LAST:
            self._drop_held_tags()
            return unpack_audio(self.header, packet)
        codes, scale, total_samples = unpack_last(self.header, packet)
        if packet.flags & Flag.TAGGED and self._held_tags and self._held_tags[0] == packet.sequence - 1:
            self.tags = self._held_tags[1]
        elif packet.flags & Flag.TAGGED:
            self._note("the tags are lost")
        else:
            self._drop_held_tags()
        self.total_samples = total_samples
        return codes, scale

    def _account(self, packet: Packet, codes: Codes, scale: float | None) -> Iterator[Event]:
        """Yield what was lost before a packet, its codes if it has any, and what is wrong behind the last."""
        index, frames_per_packet = packet.audio_index, self.header.frames_per_packet
        if index > self._next_index or self._damage:
            reason = f"packets are missing from number {self._next_index} to {index - 1}"
            yield self._gap((index - self._next_index) * frames_per_packet, reason)
        self._next_index = index + 1
        last = bool(packet.flags & Flag.LAST)
        self._finished = last
        if codes.shape[2]:
            yield Audio(index * frames_per_packet, codes, scale)
        if last:
            if self._source.fill(1):
                reason = f"foreign bytes follow the last packet from byte {self._source.position} on"
                yield self._gap(0, reason, index * frames_per_packet + codes.shape[2])
            self.complete = self.gap_count == 0

    def _drop_held_tags(self) -> None:
        if self._held_tags:
            self._note(f"the tags in packet {self._held_tags[0]} are out of place")
            self._held_tags = None

    def _note(self, damage: str) -> None:
        self._damage = self._damage or damage

    def _gap(self, frames: int | None, reason: str, first_frame: int | None = None) -> Gap:
        """Return and count a gap, by default where the audio so far ends; damage met is a better reason."""
        if first_frame is None:
            first_frame = self._next_index * self.header.frames_per_packet
        gap = Gap(first_frame, frames, self._damage or reason)
        self._damage = None
        self.gap_count += 1
        if len(self.gaps) < GAPS_KEPT:
            self.gaps.append(gap)
        return gap


def _found(source: ByteReader, header: Header | None) -> Found:
    """Return the file's own header, or that of another file; then packets are looked for from byte 0 on."""
    if header is None:
        return find_header(source)
    return Found(header, source, 0, "the header of another file was used")

"""Small files, and streams as awkward as pipes, for the tests of the container."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from codectool.container import Audio, Event, Gap, Header, Reader, Writer
from codectool.container.packets import HEAD, OVERHEAD_BYTES, Packet, write_packet

FINGERPRINT = bytes.fromhex("0123456789abcdef")


def make_header(**changes: Any) -> Header:
    """Return a header of 75 frames of 2 levels a packet, changed where asked."""
    fields: dict[str, Any] = {
        "model": "toy",
        "fingerprint": FINGERPRINT,
        "model_rate_hz": 24000,
        "hop_samples": 320,
        "bits_per_code": 10,
        "levels": 2,
        "streams": 1,
        "original_rate_hz": 44100,
        "original_channels": 2,
    }
    return Header(**(fields | changes))


def make_codes(header: Header, frames: int, seed: int = 0) -> npt.NDArray[np.uint16]:
    """Return random codes `[streams, levels, frames]`."""
    shape = (header.streams, header.levels, frames)
    return np.random.default_rng(seed).integers(0, 2**header.bits_per_code, shape).astype(np.uint16)


def samples_of(header: Header, frames: int) -> int:
    """Return a total a little shorter than what the frames stand for."""
    return max(0, frames * header.hop_samples * header.original_rate_hz // header.model_rate_hz - 64)


def make_file(
    header: Header, codes: npt.NDArray[np.uint16], tags: Mapping[str, str] | None = None, push: int = 1000
) -> bytes:
    """Return a file of these codes, written `push` frames at a time."""
    stream = io.BytesIO()
    writer = Writer(stream, header)
    for start in range(0, codes.shape[2], push):
        writer.write_codes(codes[:, :, start : start + push])
    writer.finish(samples_of(header, codes.shape[2]), tags)
    assert writer.bytes_written == len(stream.getvalue())
    return stream.getvalue()


def make_segments(
    header: Header, frames: int, seed: int = 0
) -> tuple[bytes, list[tuple[npt.NDArray[np.uint16], float]]]:
    """Return a file of segments, and their codes and scales."""
    codes, size = make_codes(header, frames, seed), header.frames_per_packet
    segments = [
        (codes[:, :, start : start + size], float(np.float32(0.1 * (start + 1))))
        for start in range(0, frames, size)
    ]
    stream = io.BytesIO()
    writer = Writer(stream, header)
    for segment in segments:
        writer.write_codes(*segment)
    writer.finish(samples_of(header, frames))
    return stream.getvalue(), segments


def split(data: bytes) -> list[bytes]:
    """Cut an undamaged file into its header and packets."""
    pieces, start = [], data[5]
    pieces.append(data[:start])
    while start < len(data):
        length = HEAD.unpack_from(data, start)[3]
        pieces.append(data[start : start + OVERHEAD_BYTES + length])
        start += OVERHEAD_BYTES + length
    return pieces


def open_packet(data: bytes) -> Packet:
    """Return what an undamaged packet holds, unchecked."""
    _, flags, sequence, length = HEAD.unpack_from(data)
    return Packet(flags, sequence, data[HEAD.size : HEAD.size + length])


def forge(header: Header, *packets: tuple[int, int, bytes]) -> bytes:
    """Return a file of these (flags, sequence, payload), each with a good checksum."""
    return header.to_bytes() + b"".join(write_packet(header, *packet) for packet in packets)


def read(data: bytes) -> tuple[Reader, list[Event]]:
    """Read a file to its end; check that the events follow each other in time."""
    reader = Reader(io.BytesIO(data))
    events = list(reader)
    position = 0
    for event in events:
        assert event.first_frame == position
        position += event.codes.shape[2] if isinstance(event, Audio) else event.frames or 0
    assert reader.gaps == gaps_of(events)
    assert reader.gap_count == len(reader.gaps)
    return reader, events


def gaps_of(events: list[Event]) -> list[Gap]:
    """Return the gaps alone."""
    return [event for event in events if isinstance(event, Gap)]


def lost(events: list[Event]) -> list[tuple[int, int | None]]:
    """Return (first frame, frames) of every gap."""
    return [(gap.first_frame, gap.frames) for gap in gaps_of(events)]


def check_codes(events: list[Event], codes: npt.NDArray[np.uint16]) -> int:
    """Check that all audio read is that of `codes` at its place; return its frames."""
    frames = 0
    for event in events:
        if isinstance(event, Audio):
            count = event.codes.shape[2]
            np.testing.assert_array_equal(
                event.codes, codes[:, :, event.first_frame : event.first_frame + count]
            )
            frames += count
    return frames


class Pipe(io.RawIOBase):
    """Gives at most `step` bytes a read, cannot seek, and fails where a live pipe would wait."""

    def __init__(self, data: bytes, step: int = 1, open_end: bool = False) -> None:
        super().__init__()
        self._data, self._position = memoryview(data), 0
        self.step, self.open_end = step, open_end

    @property
    def left(self) -> bytes:
        """What nobody has read yet."""
        return bytes(self._data[self._position :])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._position :][: min(self.step, len(buffer))]
        if not piece and self.open_end:
            raise BlockingIOError("a live pipe would wait here")
        self._position += len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class ExactPipe:
    """Has no read1 and, like many a wrapper, waits for all it is asked for; fails where it would wait."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def seekable(self) -> bool:
        return False

    def read(self, count: int) -> bytes:
        if count > len(self.data):
            raise BlockingIOError("a live pipe would wait here")
        piece, self.data = self.data[:count], self.data[count:]
        return piece


class LivePipe(io.RawIOBase):
    """Gives what was written to it so far, and fails where a live pipe would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.left = b""  # what nobody has read yet

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.left += bytes(data)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        if not self.left:
            raise BlockingIOError("a live pipe would wait here")
        piece, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

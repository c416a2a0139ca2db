"""The writer of version 1: codes in, bytes out, in order, to anything that takes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codectool.container import bits
from codectool.container.fit import is_overlong
from codectool.container.header import SCALE, Header
from codectool.container.packets import COUNTS, SEQUENCE_LIMIT, Flag, total_samples_limit, write_packet
from codectool.container.tags import encode_tags
from codectool.errors import FileError, UsageError


class Writer:
    """Writes one file; the header goes out at once, each packet as soon as it is full.

    The stream is flushed after every call that wrote, and is never closed. Its errors pass through.

    Attributes:
        header: what the file says about itself.
        bytes_written: size of the file so far.
    """

    def __init__(self, stream: BinaryIO, header: Header) -> None:
        self.header = header
        self.bytes_written = 0
        self._stream = stream
        self._sequence = 0
        self._codes = np.empty((header.streams, header.levels, header.frames_per_packet), dtype=np.uint16)
        self._filled_frames = 0
        self._scale = b""  # of the segment in `_codes`
        self._finished = False
        self._write(header.to_bytes())
        stream.flush()

    def write_codes(self, codes: npt.NDArray[np.integer], scale: float | None = None) -> None:
        """Write codes `[streams, levels, frames]` of any number of frames, each below 2 ** bits_per_code.

        In a file of segments they are one segment, with its scale. Raises UsageError, and writes nothing, if
        the shape, a code or the scale is not as the header says.
        """
        self._check(codes, scale)
        before = self.bytes_written
        if scale is not None:
            self._write_segment(codes, scale)
        else:
            self._write_frames(codes)
        if self.bytes_written > before:
            self._stream.flush()

    def _write_segment(self, codes: npt.NDArray[np.integer], scale: float) -> None:
        frames = codes.shape[2]
        if self._filled_frames:
            return  # the short segment before reaches the end of the recording: this one would add nothing
        self._codes[:, :, :frames] = codes
        self._filled_frames = frames
        self._scale = SCALE.pack(scale)
        if frames == self.header.frames_per_packet:
            self._write_packet(0, self._take_packed())

    def _write_frames(self, codes: npt.NDArray[np.integer]) -> None:
        start = 0
        while start < codes.shape[2]:
            room = self.header.frames_per_packet - self._filled_frames
            piece = codes[:, :, start : start + room]
            end = self._filled_frames + piece.shape[2]
            self._codes[:, :, self._filled_frames : end] = piece
            self._filled_frames = end
            start += piece.shape[2]
            if self._filled_frames == self.header.frames_per_packet:
                self._write_packet(0, self._take_packed())

    def finish(self, total_samples: int, tags: Mapping[str, str] | None = None) -> None:
        """End the file, of a recording of `total_samples` samples at the original rate.

        `tags` are 64 at most, in 16384 bytes. Raises UsageError, and writes nothing, if there are too few
        frames for the samples, or the tags are bad.
        """
        if self._finished:
            raise UsageError("the file is finished already")
        packets = self._sequence  # all full so far
        frames = packets * self.header.frames_per_packet + self._filled_frames
        if not 0 <= total_samples <= total_samples_limit(self.header, frames):
            raise UsageError(f"{frames} frames cannot stand for {total_samples} samples")
        if is_overlong(self.header, frames, total_samples):
            raise UsageError(f"{frames} frames are more than {total_samples} samples need")
        flags = Flag.LAST
        if tags:
            self._write_packet(Flag.TAGS, encode_tags(tags))
            flags |= Flag.TAGGED
        counts = COUNTS.pack(self._filled_frames, total_samples)
        self._write_packet(flags, counts + self._take_packed())
        self._stream.flush()
        self._finished = True

    def _check(self, codes: npt.NDArray[np.integer], scale: float | None) -> None:
        header = self.header
        if self._finished:
            raise UsageError("the file is finished already")
        bits.check_codes(codes, header.streams, header.levels, header.bits_per_code)
        bits.check_scale(scale, header.scaled)
        if header.scaled and codes.shape[2] > header.frames_per_packet:
            raise UsageError(f"a segment has {header.frames_per_packet} frames, not {codes.shape[2]}")

    def _take_packed(self) -> bytes:
        codes = self._codes[:, :, : self._filled_frames]
        scale = self._scale if self._filled_frames else b""
        self._filled_frames = 0
        return scale + bits.pack(codes, self.header.bits_per_code)

    def _write_packet(self, flags: int, payload: bytes) -> None:
        if self._sequence == SEQUENCE_LIMIT:
            raise UsageError(f"a file has at most {SEQUENCE_LIMIT} packets: begin another")
        self._write(write_packet(self.header, flags, self._sequence, payload))
        self._sequence += 1

    def _write(self, data: bytes) -> None:
        self.bytes_written += write_all(self._stream, data)


def write_all(stream: BinaryIO, data: bytes) -> int:
    """Write bytes and return how many; FileError if the stream takes only some of them."""
    written = stream.write(data)
    if written != len(data):
        raise FileError(f"the output took {written} of {len(data)} bytes: give it a buffered stream")
    return written

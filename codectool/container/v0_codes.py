"""Codes to the bytes of a version 0 segment and back: plain, or entropy-coded (FORMAT.md, 10.3 and 10.4).

Codes are `[levels, frames]` and stand frame by frame. A segment begins with a whole byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from codectool.container.bits import Codes
from codectool.container.v0_arithmetic import ArithmeticDecoder, ArithmeticEncoder, Bounds
from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

CODE_BITS = 10
GROUP_FRAMES = 4  # frames that fill whole bytes, whatever the number of levels
PIECE_FRAMES = 75 * GROUP_FRAMES


class Predictor(Protocol):
    """Says how likely each code of the next frame is, as EnCodec's language model does."""

    def step(self, frame: Codes | None, levels: int, state: Any) -> tuple[Bounds, Any]:
        """Return the bounds `[levels, codes]` of the next frame, and the next state.

        `frame` is the codes `[levels]` of the frame before. The first frame of a segment has None for both.
        """


class PlainPacker:
    """Packs the codes of one segment, each 10 bits, the lowest first."""

    def __init__(self, levels: int) -> None:
        self._waiting = np.zeros((levels, 0), np.uint16)  # frames that do not fill whole bytes yet

    def push(self, codes: Codes) -> bytes:
        """Take any number of frames; return whole bytes."""
        joined = np.concatenate((self._waiting, codes), axis=1)
        ready = joined.shape[1] // GROUP_FRAMES * GROUP_FRAMES
        self._waiting = joined[:, ready:]
        return _pack(joined[:, :ready])

    def finish(self) -> bytes:
        """End the segment: the bytes left, filled up with zero bits."""
        return _pack(self._waiting)


class PredictedPacker:
    """Packs the codes of one segment by how likely a language model finds them."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._encoder = ArithmeticEncoder()
        self._frame: Codes | None = None
        self._state: Any = None

    def push(self, codes: Codes) -> bytes:
        """Take any number of frames; return whole bytes."""
        data = bytearray()
        for frame in codes.T:
            bounds, self._state = self._predictor.step(self._frame, len(frame), self._state)
            for code, level_bounds in zip(frame.tolist(), bounds, strict=True):
                data += self._encoder.push(code, level_bounds)
            self._frame = frame
        return bytes(data)

    def finish(self) -> bytes:
        """End the segment: the bytes left, filled up with zero bits."""
        return self._encoder.finish()


def unpack_plain(source: ByteReader, levels: int, frames: int) -> Iterator[Codes]:
    """Yield the codes of a segment in pieces `[levels, frames]`, fewer only where the source ends.

    Raises DataError, after the last piece, if the bits that fill its last byte are not zero.
    """
    frame_bits = levels * CODE_BITS
    for start in range(0, frames, PIECE_FRAMES):
        count = min(PIECE_FRAMES, frames - start)
        size = (count * frame_bits + 7) // 8
        whole = source.fill(size)
        data = np.frombuffer(bytes(source.ahead[:size]), np.uint8)
        source.skip(len(data))
        bits = np.unpackbits(data, bitorder="little")
        used = min(count, len(bits) // frame_bits) * frame_bits
        if used:
            words = np.zeros((used // CODE_BITS, 16), np.uint8)
            words[:, :CODE_BITS] = bits[:used].reshape(-1, CODE_BITS)
            codes = np.packbits(words, axis=1, bitorder="little").view("<u2").astype(np.uint16)
            yield codes.reshape(-1, levels).T
        if not whole:
            return
        if bits[used:].any():
            raise DataError(f"the bits that fill byte {source.position - 1} are not zero")


def unpack_predicted(source: ByteReader, levels: int, frames: int, predictor: Predictor) -> Iterator[Codes]:
    """Yield the codes of a segment, a frame `[levels, 1]` at a time, fewer only where the source ends.

    Raises DataError at bits that stand for no code.
    """
    decoder = ArithmeticDecoder(source)
    frame: Codes | None = None
    state: Any = None
    for _ in range(frames):
        bounds, state = predictor.step(frame, levels, state)
        codes = []
        for level_bounds in bounds:
            code = decoder.pull(level_bounds)
            if code is None:
                return
            codes.append(code)
        frame = np.array(codes, np.uint16)
        yield frame[:, None]


def _pack(codes: Codes) -> bytes:
    words = np.ascontiguousarray(codes.T, dtype="<u2").reshape(-1, 1).view(np.uint8)
    return np.packbits(
        np.unpackbits(words, axis=1, bitorder="little")[:, :CODE_BITS], bitorder="little"
    ).tobytes()

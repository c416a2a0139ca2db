"""Codes to bytes and back, most significant bit first, zero bits at the end (FORMAT.md, section 4)."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.errors import DataError, UsageError

Codes: TypeAlias = npt.NDArray[np.uint16]

WORD_BITS = 16  # of the words codes travel in, so the most bits a code can have


def packed_bytes(codes: int, bits_per_code: int) -> int:
    """Return the size of that many packed codes."""
    return (codes * bits_per_code + 7) // 8


def check_codes(codes: npt.NDArray[np.integer], streams: int, levels: int, bits_per_code: int) -> None:
    """Raise UsageError unless these are codes `[streams, levels, any]` below 2 ** bits_per_code."""
    if codes.ndim != 3 or codes.shape[:2] != (streams, levels):
        raise UsageError(f"codes of shape {codes.shape}, not ({streams} streams, {levels} levels, any)")
    if codes.dtype.kind not in "ui":
        raise UsageError(f"codes of type {codes.dtype}, not integers")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < 2**bits_per_code:
        raise UsageError(f"codes from {codes.min()} to {codes.max()} do not fit {bits_per_code} bits")


def check_scale(scale: float | None, scaled: bool) -> None:
    """Raise UsageError unless a scaled file gets a scale, above 0 and finite, and another file none."""
    if scaled != (scale is not None):
        raise UsageError(f"a segment has {'a' if scaled else 'no'} scale in this file")
    if scale is not None and not 0 < scale < math.inf:
        raise UsageError(f"the scale of a segment is {scale}: it must be above 0, and finite")


def pack(codes: Codes, bits_per_code: int) -> bytes:
    """Pack codes of any shape in C order, `bits_per_code` bits each, 1 to 16.

    Raises UsageError for a code of more bits.
    """
    if codes.size and int(codes.max()) >> bits_per_code:
        raise UsageError(
            f"code {int(codes.max())} does not fit {bits_per_code} bits: use the model's own codes"
        )
    words = np.ascontiguousarray(codes, dtype=">u2").reshape(-1, 1).view(np.uint8)
    return np.packbits(np.unpackbits(words, axis=1)[:, WORD_BITS - bits_per_code :]).tobytes()


def unpack(packed: bytes, shape: tuple[int, int, int], bits_per_code: int) -> Codes:
    """Return the codes of a shape `[streams, levels, frames]`.

    Raises DataError if `packed` is not exactly as long as they need, or its padding bits are not zero.
    """
    streams, levels, frames = shape
    count = streams * levels * frames
    if len(packed) != packed_bytes(count, bits_per_code):
        raise DataError(f"{len(packed)} bytes do not hold {frames} frames")
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8))
    if bits[count * bits_per_code :].any():
        raise DataError("the padding bits are not zero")
    words = np.zeros((count, WORD_BITS), dtype=np.uint8)
    words[:, WORD_BITS - bits_per_code :] = bits[: count * bits_per_code].reshape(count, bits_per_code)
    return np.packbits(words).view(">u2").astype(np.uint16).reshape(shape)

"""The arithmetic coder of version 0 files with a language model, in integers (FORMAT.md, 10.4).

Each code narrows an interval [low, high] to its share of 2 ** RANGE_BITS. The leading bits that both ends
have in common are settled and go out; bits are added below when the interval gets narrower than 2 **
RANGE_BITS. The intervals and bits are those of EnCodec's quantization/ac.py, whose float products are below 2
** 50 and so exact.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

RANGE_BITS = 24  # shares are counted in 2 ** -24

Bounds: TypeAlias = npt.NDArray[np.int64]  # where each code's share ends; the next one's begins there


class _Interval:
    """What is left of the numbers the coded bits so far may be the beginning of: `width` bits of them."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0
        self.width = 0

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def widen(self) -> int:
        """Add bits below until the interval is wide enough; return how many."""
        added = max(0, RANGE_BITS + 1 - self.size.bit_length())
        self.low <<= added
        self.high = ((self.high + 1) << added) - 1
        self.width += added
        return added

    def narrow(self, first: int, last: int) -> None:
        """Keep the numbers from `first` to `last`, counted from `low`."""
        self.low, self.high = self.low + first, self.low + last

    def settle(self) -> tuple[int, int]:
        """Drop the leading bits that are settled; return them as a number, and how many they are."""
        left = (self.low ^ self.high).bit_length()
        settled, count = self.low >> left, self.width - left
        self.low -= settled << left
        self.high -= settled << left
        self.width = left
        return settled, count


def _share(interval: _Interval, bounds: Bounds, code: int) -> tuple[int, int]:
    """Return the first and last number of a code's share, counted from the interval's low end."""
    start = int(bounds[code - 1]) if code else 0
    first = -((-start * interval.size) >> RANGE_BITS)  # rounded up
    last = ((int(bounds[code]) - 1) * interval.size) >> RANGE_BITS
    return first, last


class ArithmeticEncoder:
    """Turns codes into bits, the first of a byte its lowest."""

    def __init__(self) -> None:
        self._interval = _Interval()
        self._bits = 0  # not written yet, the first lowest
        self._count = 0

    def push(self, code: int, bounds: Bounds) -> bytes:
        """Add a code whose share is between its bounds; return the bytes that are whole now."""
        self._interval.widen()
        self._interval.narrow(*_share(self._interval, bounds, code))
        self._add(*self._interval.settle())
        whole = self._count // 8
        data = (self._bits & ((1 << (8 * whole)) - 1)).to_bytes(whole, "little")
        self._bits >>= 8 * whole
        self._count -= 8 * whole
        return data

    def finish(self) -> bytes:
        """Return the last bytes: the low end of the interval, and zero bits."""
        self._add(self._interval.low, self._interval.width)
        return self._bits.to_bytes((self._count + 7) // 8, "little")

    def _add(self, bits: int, count: int) -> None:
        for shift in range(count - 1, -1, -1):
            self._bits |= ((bits >> shift) & 1) << self._count
            self._count += 1


class ArithmeticDecoder:
    """Takes codes from the bits of a source, and never reads a byte too many."""

    def __init__(self, source: ByteReader) -> None:
        self._source = source
        self._interval = _Interval()
        self._number = 0  # the bits read so far that are not settled
        self._bits = 0  # of the byte begun
        self._count = 0

    def pull(self, bounds: Bounds) -> int | None:
        """Return the next code, None where the source ends; DataError for bits that stand for no code."""
        for _ in range(self._interval.widen()):
            bit = self._next_bit()
            if bit is None:
                return None
            self._number = 2 * self._number + bit
        place = self._number - self._interval.low
        # The shares begin at ceil(bound * size / range), so this many of them begin at or before the place.
        code = int(np.searchsorted(bounds, (place << RANGE_BITS) // self._interval.size, side="right"))
        first, last = _share(self._interval, bounds, code) if code < len(bounds) else (0, -1)
        if not first <= place <= last:
            raise DataError(
                "bits that stand for no code: damaged, or coded on a machine that rounds otherwise"
            )
        self._interval.narrow(first, last)
        settled, _ = self._interval.settle()
        self._number -= settled << self._interval.width
        return code

    def _next_bit(self) -> int | None:
        if not self._count:
            if not self._source.fill(1):
                return None
            self._bits, self._count = self._source.ahead[0], 8
            self._source.skip(1)
        bit = self._bits & 1
        self._bits >>= 1
        self._count -= 1
        return bit

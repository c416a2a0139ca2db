from __future__ import annotations

import numpy as np
import pytest

from codectool.container import bits
from codectool.errors import DataError, UsageError


def slow_pack(codes: list[int], bits_per_code: int) -> bytes:
    """Write every code as text of zeros and ones."""
    text = "".join(f"{code:0{bits_per_code}b}" for code in codes)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[start : start + 8], 2) for start in range(0, len(text), 8))


@pytest.mark.parametrize("bits_per_code", range(1, 17))
@pytest.mark.parametrize("shape", [(1, 1, 0), (1, 1, 1), (1, 3, 5), (2, 8, 75), (3, 32, 7)])
def test_packs_like_the_slow_twin_and_back(bits_per_code: int, shape: tuple[int, int, int]) -> None:
    codes = np.random.default_rng(bits_per_code).integers(0, 2**bits_per_code, shape).astype(np.uint16)
    packed = bits.pack(codes, bits_per_code)
    assert packed == slow_pack(codes.ravel().tolist(), bits_per_code)
    assert len(packed) == bits.packed_bytes(codes.size, bits_per_code)
    back = bits.unpack(packed, shape, bits_per_code)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, codes)


def test_extreme_codes() -> None:
    for bits_per_code in range(1, 17):
        codes = np.array([[[0, 2**bits_per_code - 1, 0]]], dtype=np.uint16)
        np.testing.assert_array_equal(
            bits.unpack(bits.pack(codes, bits_per_code), (1, 1, 3), bits_per_code), codes
        )


def test_slices_are_packed_in_their_own_order() -> None:
    codes = np.arange(2 * 3 * 8, dtype=np.uint16).reshape(2, 3, 8)
    part = codes[:, :2, 1:4]
    assert bits.pack(part, 6) == slow_pack(part.ravel().tolist(), 6)


def test_a_code_too_large_is_refused() -> None:
    with pytest.raises(UsageError, match="1024 does not fit 10 bits"):
        bits.pack(np.array([[[1024]]], dtype=np.uint16), 10)


@pytest.mark.parametrize("packed", [b"", b"\x00", b"\x00\x00\x00"])
def test_a_wrong_length_is_refused(packed: bytes) -> None:
    with pytest.raises(DataError, match="do not hold 1 frames"):
        bits.unpack(packed, (1, 1, 1), 10)


def test_padding_must_be_zero() -> None:
    for bit in range(6):
        with pytest.raises(DataError, match="padding"):
            bits.unpack(bytes([0, 1 << bit]), (1, 1, 1), 10)

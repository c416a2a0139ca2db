from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest

from codectool.container.v0_arithmetic import RANGE_BITS, ArithmeticDecoder, ArithmeticEncoder, Bounds
from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

TOTAL = 2**RANGE_BITS


def bounds_of(weights: npt.ArrayLike) -> Bounds:
    """Return bounds in these proportions, each code having 2 at least."""
    shares = np.asarray(weights, float)
    whole = np.floor(shares / shares.sum() * (TOTAL - 2 * len(shares))).astype(np.int64) + 2
    return np.cumsum(whole)


def coded(codes: list[int], bounds: list[Bounds]) -> bytes:
    encoder = ArithmeticEncoder()
    return b"".join([encoder.push(*pair) for pair in zip(codes, bounds, strict=True)]) + encoder.finish()


def decoded(data: bytes, bounds: list[Bounds]) -> tuple[list[int | None], ByteReader]:
    source = ByteReader(io.BytesIO(data))
    decoder = ArithmeticDecoder(source)
    return [decoder.pull(each) for each in bounds], source


@pytest.mark.parametrize("cardinality", [1, 2, 3, 1024])
@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_codes_come_back_and_nothing_behind_them_is_read(cardinality: int, count: int) -> None:
    generator = np.random.default_rng(cardinality * 1000 + count)
    bounds = [bounds_of(generator.random(cardinality) ** 8) for _ in range(count)]
    codes = generator.integers(0, cardinality, count).tolist()
    data = coded(codes, bounds)
    found, source = decoded(data + b"next", bounds)
    assert found == codes
    assert bytes(source.ahead) == b"next" or not count


def test_likely_codes_cost_little_and_unlikely_ones_much() -> None:
    bounds = [bounds_of([1e9, 1, 1, 1])] * 1000
    assert len(coded([0] * 1000, bounds)) <= 4
    assert len(coded([3] * 1000, bounds)) > 2000  # 23 bits each
    assert decoded(coded([3] * 1000, bounds), bounds)[0] == [3] * 1000


def test_an_interval_that_straddles_the_middle_for_long() -> None:
    bounds = [bounds_of([1, 2e-7, 1])] * 200
    codes = [1] * 150 + [0, 2] * 25
    assert decoded(coded(codes, bounds), bounds)[0] == codes


def test_bits_are_written_from_the_lowest_of_a_byte_on() -> None:
    halves = np.array([TOTAL // 2, TOTAL])
    assert coded([1, 0, 0, 0, 0, 0, 0, 0, 0, 1], [halves] * 10) == bytes([1, 2, 0, 0, 0])


def test_the_end_of_the_source_is_no_code() -> None:
    bounds = [bounds_of(np.ones(1024))] * 100
    codes = list(range(100))
    data = coded(codes, bounds)
    for end in range(len(data)):
        found, _ = decoded(data[:end], bounds)
        count = found.index(None)
        assert found[:count] == codes[:count]
        assert count >= (8 * end - RANGE_BITS) // 10


def test_bits_beyond_all_shares_stand_for_no_code() -> None:
    bounds = [np.array([TOTAL // 4, TOTAL // 2])]
    assert decoded(bytes(3), bounds)[0] == [0]
    with pytest.raises(DataError, match="no code"):
        decoded(b"\xff" * 3, bounds)

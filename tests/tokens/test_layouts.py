"""Every layout has an inverse, and a vocabulary that its ids keep to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from codectool.errors import DataError, UsageError
from codectool.tokens import layouts
from codectool.tokens.layouts import LAYOUTS, code_dtype, codes_from, laid_out, vocabulary_of

pytest.importorskip("hypothesis", reason="hypothesis is not installed: pip install '.[test]'")
from hypothesis import given, settings
from hypothesis import strategies as st

SIZES = [1, 2, 1024, 2048, 32_768, 65_536]


@st.composite
def codes_and_sizes(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Codes of up to 9 levels and 40 frames, none too, of codebooks of any size."""
    sizes = draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=9))
    frames = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    rows = [rng.integers(0, size, frames) for size in sizes]
    return np.stack(rows).astype(code_dtype(max(sizes))), sizes


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60, deadline=None)
@given(drawn=codes_and_sizes())
def test_a_layout_and_its_inverse_give_the_codes_back(
    layout: str, drawn: tuple[np.ndarray[Any, Any], list[int]]
) -> None:
    codes, sizes = drawn
    arranged = laid_out(codes, layout, sizes)
    back = codes_from(arranged, layout, sizes)
    assert back.dtype == codes.dtype
    np.testing.assert_array_equal(back, codes)
    vocabulary = vocabulary_of(layout, sizes)
    for array in arranged.values() if isinstance(arranged, dict) else [arranged]:
        assert array.size == 0 or 0 <= array.min() <= array.max() < vocabulary.size


@settings(max_examples=60, deadline=None)
@given(drawn=codes_and_sizes(), data=st.data())
def test_any_delays_have_an_inverse(
    drawn: tuple[np.ndarray[Any, Any], list[int]], data: st.DataObject
) -> None:
    codes, sizes = drawn
    delays = data.draw(st.lists(st.integers(0, 7), min_size=len(codes), max_size=len(codes)))
    special = max(sizes)
    shifted = layouts.delay(codes, special, delays)
    assert (shifted == special).sum() == sum(max(delays) - step for step in delays) + sum(delays)
    np.testing.assert_array_equal(layouts.from_delay(shifted, special, delays), codes)


def test_layouts_are_what_others_have() -> None:
    codes = np.array([[0, 1, 2], [3, 4, 5]], np.int16)
    assert laid_out(codes, "flat", [6, 6]).tolist() == [0, 3, 1, 4, 2, 5]  # type: ignore[union-attr]
    offset = laid_out(codes, "flat-offset", [6, 6])
    assert offset.tolist() == [0, 9, 1, 10, 2, 11]  # type: ignore[union-attr]
    delayed = laid_out(codes, "delay", [6, 6])
    assert delayed.tolist() == [[0, 1, 2, 6], [6, 3, 4, 5]]  # type: ignore[union-attr]
    assert vocabulary_of("delay", [6, 6]).special == {"delay": 6}
    assert vocabulary_of("flat-offset", [6, 5]).offsets == (0, 6)


def test_a_tree_is_what_orpheus_has() -> None:
    codes = np.arange(14, dtype=np.int16).reshape(2, 7).T  # a, b0, b1, c0, c1, c2, c3 of two frames
    ids = laid_out(codes, "tree", [4096] * 7)
    expected = [0, 1 + 4096, 3 + 8192, 4 + 12288, 2 + 16384, 5 + 20480, 6 + 24576]
    assert list(ids[:7]) == expected
    assert list(ids[7:]) == [number + 7 for number in expected]
    vocabulary = vocabulary_of("tree", [4096] * 7)
    assert vocabulary.offsets == (0, 4096, 16384, 8192, 12288, 20480, 24576)
    assert vocabulary.size == 7 * 4096


def test_offsets_beyond_int16_widen_the_ids() -> None:
    codes = np.full((32, 2), 1023, np.int16)
    assert layouts.flat(codes, [1024] * 32).dtype == np.int16  # 32 768 ids: the last is 32 767
    assert layouts.flat(np.full((33, 2), 1023, np.int16), [1024] * 33).dtype == np.int32


def test_what_no_layout_gave_is_refused() -> None:
    with pytest.raises(UsageError, match="parallel"):
        vocabulary_of("spiral", [4])
    with pytest.raises(DataError):
        layouts.from_flat(np.arange(5), 2)
    with pytest.raises(DataError):
        layouts.from_flat(np.array([9, 0]), 2, [6, 6])
    with pytest.raises(DataError):
        layouts.from_delay(np.array([[0, 6], [6, 6]]), 6)
    with pytest.raises(DataError):
        layouts.from_delay(np.zeros((3, 1), int), 6)
    with pytest.raises(DataError):
        layouts.from_columns({"level_1": np.zeros(1)})

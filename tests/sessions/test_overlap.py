"""Overlapping segments against the mean, weighted step by step."""

from __future__ import annotations

import numpy as np
import pytest

from codectool.sessions.overlap import OverlapAdd


@pytest.mark.parametrize("stride", [3, 6, 8])
@pytest.mark.parametrize("lengths", [[8], [5], [8, 8, 8], [8, 8, 5], [8, 8, 2], [8, 1], [8, 8, 8, 8, 3]])
def test_steps_equal_the_weighted_mean(lengths: list[int], stride: int) -> None:
    rng = np.random.default_rng(0)
    segments = [rng.normal(size=(2, length)).astype(np.float32) for length in lengths]
    overlap = OverlapAdd(stride)
    state, pieces = None, []
    for segment in segments:
        piece, state = overlap.step(segment, state)
        pieces.append(piece)
    rest = overlap.finish(state)
    assert rest is not None
    joined = np.concatenate((*pieces, rest), axis=1)
    assert joined.dtype == np.float32
    ends = [number * stride + length for number, length in enumerate(lengths)]
    assert joined.shape[1] == max(ends)
    height = [min(place + 1, lengths[0] - place) for place in range(lengths[0])]
    for place in range(max(ends)):
        covering = [
            (height[place - number * stride], segment[:, place - number * stride])
            for number, segment in enumerate(segments)
            if 0 <= place - number * stride < segment.shape[1]
        ]
        mean = sum(weight * values for weight, values in covering) / sum(weight for weight, _ in covering)
        np.testing.assert_allclose(joined[:, place], mean, atol=1e-6, rtol=1e-6)


def test_no_segments_are_nothing() -> None:
    assert OverlapAdd(4).finish(None) is None

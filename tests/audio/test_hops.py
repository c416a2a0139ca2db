from __future__ import annotations

import numpy as np
import pytest

from codectool.audio.hops import HopFramer


@pytest.mark.parametrize("sizes", [[1], [320], [319, 2], [0, 7, 1000, 0], [5000]])
@pytest.mark.parametrize("length", [0, 1, 319, 320, 321, 1009, 4800])
def test_whole_hops_and_the_rest_make_the_whole(sizes, length, noise):
    audio = noise(length, 2)
    framer = HopFramer(320, channels=2)
    given = []
    at = turn = 0
    while at < length:
        size = sizes[turn % len(sizes)]
        given.append(framer.push(audio[:, at : at + size]))
        at, turn = at + size, turn + 1
        assert given[-1].shape[1] % 320 == 0
        assert sum(block.shape[1] for block in given) == min(at, length) // 320 * 320
    rest = framer.rest()
    assert rest.shape[1] == length % 320
    np.testing.assert_array_equal(np.concatenate([*given, rest], axis=1), audio)


def test_rest_starts_anew(noise):
    framer = HopFramer(10)
    framer.push(noise(7))
    assert framer.rest().shape == (1, 7)
    assert framer.rest().shape == (1, 0)
    assert framer.push(noise(9)).shape == (1, 0)


def test_held_samples_are_the_framers_own(noise):
    framer = HopFramer(10)
    block = noise(7)
    kept = block.copy()
    framer.push(block)
    block[:] = 0
    np.testing.assert_array_equal(framer.rest(), kept)


def test_hop_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        HopFramer(0)

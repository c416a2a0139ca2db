from __future__ import annotations

import numpy as np
import pytest

from codectool.audio.mix import mix_to_mono


def test_mono_passes_through(noise):
    block = noise(7)
    assert mix_to_mono(block) is block


def test_is_the_mean(noise):
    block = noise(321, 3)
    mixed = mix_to_mono(block)
    assert mixed.shape == (1, 321)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed[0], block.mean(axis=0), atol=1e-7)


@pytest.mark.parametrize("channels", [2, 9, 64])
def test_does_not_depend_on_the_cut(channels):
    block = np.random.default_rng(1).standard_normal((channels, 101)).astype(np.float32)
    whole = mix_to_mono(block)
    singly = np.concatenate([mix_to_mono(block[:, at : at + 1]) for at in range(101)], axis=1)
    np.testing.assert_array_equal(whole, singly)
    np.testing.assert_array_equal(whole, mix_to_mono(np.asfortranarray(block)))
    assert mix_to_mono(block[:, :0]).shape == (1, 0)

from __future__ import annotations

import numpy as np
import pytest

from codectool.audio.resample import Resampler, resampled_length
from codectool.errors import DataError

MODEL_RATE_HZ = 24000
RATES_HZ = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000]
AWKWARD_RATES_HZ = [50, 999, 44101, 47999, 655350]
LENGTHS = [0, 1, 2, 3, 319, 320, 321, 1009, 7919]


def resample(audio, rate_in_hz, rate_out_hz, sizes, total_samples=None):
    resampler = Resampler(rate_in_hz, rate_out_hz, audio.shape[0])
    given = []
    at = turn = 0
    while at < audio.shape[1]:
        size = sizes[turn % len(sizes)]
        given.append(resampler.push(audio[:, at : at + size]))
        at, turn = at + size, turn + 1
    given.append(resampler.finish(total_samples))
    return np.concatenate(given, axis=1)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("length", LENGTHS)
def test_length_is_exact_there_and_back(rate_hz, length, noise):
    audio = noise(length, 2)
    there = resample(audio, rate_hz, MODEL_RATE_HZ, [100])
    assert there.shape == (2, -(-length * MODEL_RATE_HZ // rate_hz))
    assert there.dtype == np.float32
    assert there.shape[1] == resampled_length(length, rate_hz, MODEL_RATE_HZ)
    back = resample(there, MODEL_RATE_HZ, rate_hz, [320], length)
    assert back.shape == audio.shape
    if rate_hz == MODEL_RATE_HZ:
        np.testing.assert_array_equal(back, audio)


@pytest.mark.parametrize("rate_hz", RATES_HZ + AWKWARD_RATES_HZ)
def test_result_does_not_depend_on_the_cut(rate_hz, noise):
    for rate_in_hz, rate_out_hz in ((rate_hz, MODEL_RATE_HZ), (MODEL_RATE_HZ, rate_hz)):
        samples = min(max(rate_in_hz // 5, 20), 20000)
        audio = noise(samples, 2)
        whole = resample(audio, rate_in_hz, rate_out_hz, [samples])
        for sizes in ([1], [320], [1, 0, 7, 1000, 3]):
            if sizes == [1] and samples > 9000:
                continue
            np.testing.assert_array_equal(resample(audio, rate_in_hz, rate_out_hz, sizes), whole)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_sine_keeps_its_place_and_size(rate_hz):
    for rate_in_hz, rate_out_hz in ((rate_hz, MODEL_RATE_HZ), (MODEL_RATE_HZ, rate_hz)):
        sine, expected = (
            0.5 * np.sin(2 * np.pi * 997 * np.arange(rate) / rate) for rate in (rate_in_hz, rate_out_hz)
        )
        result = resample(sine[np.newaxis].astype(np.float32), rate_in_hz, rate_out_hz, [4096])
        middle = slice(rate_out_hz // 10, -rate_out_hz // 10)
        np.testing.assert_allclose(result[0][middle], expected[middle], atol=2e-6)


def test_one_sample_a_second(noise):
    assert resample(noise(3), 1, MODEL_RATE_HZ, [1]).shape == (1, 3 * MODEL_RATE_HZ)
    assert resample(noise(3 * MODEL_RATE_HZ), MODEL_RATE_HZ, 1, [1000], 3).shape == (1, 3)


def test_result_is_a_float32_block_in_order(noise):
    resampler = Resampler(48000, MODEL_RATE_HZ, 2)
    block = resampler.push(noise(48000, 2))
    assert block.dtype == np.float32
    assert block.flags.c_contiguous


def test_finish_fills_up_with_what_follows_as_silence(noise):
    result = resample(noise(100), MODEL_RATE_HZ, MODEL_RATE_HZ, [100], 150)
    assert result.shape == (1, 150)
    assert not result[:, 100:].any()


@pytest.mark.parametrize("total_samples", [99, -1, 100 + MODEL_RATE_HZ + 1, 1 << 62])
def test_total_that_cannot_belong_is_refused(total_samples, noise):
    with pytest.raises(DataError, match="stated length"):
        resample(noise(100), MODEL_RATE_HZ, MODEL_RATE_HZ, [100], total_samples)


@pytest.mark.parametrize(("rate_hz", "channels"), [(0, 1), (-8000, 1), (1 << 32, 1), (8000, 0), (8000, 5000)])
def test_impossible_rate_or_channels_are_refused(rate_hz, channels):
    with pytest.raises(DataError, match="possible"):
        Resampler(rate_hz, MODEL_RATE_HZ, channels)
    with pytest.raises(DataError, match="possible"):
        Resampler(MODEL_RATE_HZ, rate_hz, channels)


def test_pushes_never_run_ahead_of_the_input(noise):
    """The decoder may push up to a hop more than the sound has, and still be cut to the exact length."""
    for rate_hz in RATES_HZ:
        if rate_hz == MODEL_RATE_HZ:
            continue
        resampler = Resampler(MODEL_RATE_HZ, rate_hz, 1)
        given = resampler.push(noise(9 * 320)).shape[1]
        total = resampled_length(8 * 320 + 1, MODEL_RATE_HZ, rate_hz)
        assert given <= total
        assert given + resampler.finish(total).shape[1] == total

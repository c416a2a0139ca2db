"""Loudness against the figures that BS.1770 gives, and gains that match it."""

from __future__ import annotations

import numpy as np
import pytest

from codectool.quality.loudness import gain_db_to_match, loudness_lufs


def sine(hz: float, rate_hz: int, seconds: float = 3.0, amplitude: float = 1.0):
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * t))[None].astype(np.float32)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_full_scale_sine_is_as_loud_as_the_standard_says(rate_hz):
    assert loudness_lufs(sine(997, rate_hz), rate_hz) == pytest.approx(-3.01, abs=0.06)
    both = np.repeat(sine(997, rate_hz, amplitude=0.1), 2, axis=0)
    assert loudness_lufs(both, rate_hz) == pytest.approx(-20, abs=0.06)


def test_low_sounds_count_less_and_high_ones_more():
    assert loudness_lufs(sine(30, 48_000), 48_000) < -8
    assert loudness_lufs(sine(6000, 48_000), 48_000) == pytest.approx(-3.01 + 3.3, abs=0.2)


def test_pauses_are_left_out():
    tone = sine(997, 48_000, 2)
    paused = np.concatenate((tone, np.zeros_like(tone)), axis=1)
    assert loudness_lufs(paused, 48_000) == pytest.approx(loudness_lufs(tone, 48_000), abs=0.5)


def test_silence_and_shortness_have_no_loudness():
    assert loudness_lufs(np.zeros((1, 48_000), np.float32), 48_000) is None
    assert loudness_lufs(sine(997, 48_000, 0.3), 48_000) is None


def test_the_gain_makes_two_sounds_equally_loud():
    original = np.random.default_rng(0).standard_normal((1, 96_000)).astype(np.float32) * 0.1
    assert gain_db_to_match(original, original / 2, 48_000) == pytest.approx(20 * np.log10(2), abs=1e-3)
    assert gain_db_to_match(original, np.zeros_like(original), 48_000) == 0
    assert gain_db_to_match(np.zeros_like(original), original, 48_000) == 0


def test_noise_in_pauses_turns_nothing_down():
    tone = sine(997, 48_000, 2, 0.1)
    original = np.concatenate((tone, np.zeros_like(tone)), axis=1)
    hissing = original + np.concatenate((np.zeros_like(tone), sine(3000, 48_000, 2, 0.02)), axis=1)
    assert abs(gain_db_to_match(original, hissing, 48_000)) < 0.2

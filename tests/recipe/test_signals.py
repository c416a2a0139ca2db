"""Made-up signals, and the table that tells whether they come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from weights.recipe import signals, tones

RATE_HZ = 24_000


@pytest.mark.parametrize("maker", range(len(signals.MAKERS)))
def test_every_signal_is_finite_and_of_its_length(maker: int) -> None:
    rng = np.random.default_rng(maker)
    for _ in range(20):
        signal = signals.MAKERS[maker](rng, 3000, RATE_HZ)
        assert signal.shape == (3000,)
        assert np.isfinite(signal).all()
        assert np.abs(signal).max() > 0


def test_drawn_signals_keep_below_full_scale_and_are_seldom_near_silence() -> None:
    rng = np.random.default_rng(0)
    peaks = [float(np.abs(signals.draw_signal(rng, 4000, RATE_HZ)).max()) for _ in range(100)]
    assert max(peaks) <= 1
    assert min(peaks) > 0.004
    assert max(peaks) > 0.5


def test_a_tone_that_comes_back_unchanged_has_no_gain_and_no_company() -> None:
    for name, frequency_hz, _, audio in tones.signals(RATE_HZ):
        gain_db, other_db, peak_ratio = tones.compared(name, frequency_hz, audio, audio)
        assert gain_db == 0
        assert peak_ratio == 1
        assert name != "sine" or other_db < -60


def test_weaker_tones_and_invented_ones_are_seen() -> None:
    seconds = torch.arange(2 * RATE_HZ)[None] / RATE_HZ
    tone, other = (torch.sin(2 * torch.pi * hertz * seconds) for hertz in (1000, 5000))
    gain_db, other_db, _ = tones.compared("sine", 1000, tone, 0.5 * tone + 0.05 * other)
    assert gain_db == pytest.approx(-6.02, abs=0.05)
    assert other_db == pytest.approx(-26.02, abs=0.1)
    assert tones.compared("sine", 1000, tone, torch.zeros_like(tone))[0] < -80

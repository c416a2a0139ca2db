"""The wave path: a transform that is undone exactly, and that is nothing where nothing was coded."""

from __future__ import annotations

import math

import pytest
import torch

from codectool.nn.transform import Analysis, Synthesis
from codectool.nn.wave import OTHERS, SCALE, WaveNumbers, WaveSpectrum, log_loudness_of

HOP = 20


def through(audio: torch.Tensor, kept: int) -> torch.Tensor:
    """Return audio `[batch, samples, 1]` by way of the wave's numbers, one hop later."""
    numbers = WaveNumbers(HOP, kept + OTHERS)(Analysis(HOP)(audio))
    return Synthesis(HOP)(WaveSpectrum(HOP, kept + OTHERS)(numbers))


@pytest.mark.parametrize("level", [1.0, 1e-3, 0.0])
def test_all_numbers_give_the_sound_back(level: float) -> None:
    audio = level * torch.randn(2, 8 * HOP, 1)
    torch.testing.assert_close(through(audio, HOP)[:, HOP:], audio, atol=1e-6, rtol=1e-4)


def test_fewer_numbers_keep_what_is_low() -> None:
    time = torch.arange(40 * HOP)
    low, high = (torch.sin(math.pi * place / HOP * time)[None, :, None] for place in (3.5, 16.5))
    back = through(low + high, HOP // 2)[:, 5 * HOP : -4 * HOP]
    torch.testing.assert_close(back, low[:, 4 * HOP : -4 * HOP], atol=0.05, rtol=0)


def test_loudness_is_told_apart_from_the_shape() -> None:
    numbers = WaveNumbers(HOP, HOP + OTHERS)
    torch.manual_seed(0)
    spectrum = torch.randn(1, 5, 2 * (HOP + 1))
    quiet, loud = numbers(0.1 * spectrum), numbers(spectrum)  # ten times louder may be beyond the maximum
    torch.testing.assert_close(quiet[..., :-OTHERS], loud[..., :-OTHERS], atol=1e-4, rtol=1e-4)
    difference = log_loudness_of(loud) - log_loudness_of(quiet)
    torch.testing.assert_close(difference, torch.full_like(difference, math.log(10)))
    assert quiet[..., :-OTHERS].abs().max() < 2 * SCALE


def test_numbers_of_zero_are_silence() -> None:
    assert not WaveSpectrum(HOP, HOP + OTHERS)(torch.zeros(1, 2, HOP + OTHERS)).any()

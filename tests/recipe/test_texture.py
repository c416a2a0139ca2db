"""Buzzing, repeated and smooth noise is seen by the losses that are to prevent it."""

from __future__ import annotations

import pytest
import torch

from weights.recipe.buzz import contrast_db, high_passed, spread_db
from weights.recipe.texture import (
    ContrastDistance,
    RepetitionDistance,
    RippleDistance,
    TextureDistance,
    bands_at,
)

RATE_HZ = 24_000


def check_gradient_at_silence(distance: torch.nn.Module, reference: torch.Tensor) -> None:
    quiet = torch.zeros_like(reference, requires_grad=True)
    distance(quiet, reference).backward()
    assert quiet.grad is not None
    assert torch.isfinite(quiet.grad).all()


def test_power_that_gathers_at_one_place_of_the_hop_is_seen() -> None:
    torch.manual_seed(0)
    noise = torch.randn(1, 240_007)
    assert spread_db([noise, noise], 320) < 0.5
    gathered = noise * (1 + 3 * (torch.arange(240_007) % 320 < 16))
    assert spread_db([gathered], 320) == pytest.approx(12, abs=0.5)
    texture = TextureDistance(RATE_HZ)
    assert texture(noise, noise).item() == 0
    assert texture(torch.randn_like(noise), noise).item() < 0.1 < 1 < texture(gathered, noise).item()
    assert torch.isfinite(texture(torch.zeros_like(noise), noise))
    assert spread_db([gathered, torch.cat((gathered[:, :160], gathered), 1)], 320) < 10  # half at another
    low = torch.sin(2 * torch.pi * 440 * torch.arange(24_000) / RATE_HZ)[None]
    assert high_passed(low, RATE_HZ).abs().max() < 0.01


def test_noise_that_every_hop_repeats_is_seen() -> None:
    torch.manual_seed(0)
    noise = torch.randn(2, 48_000)
    same = noise[:, :320].repeat(1, 150)
    alternating = same * (1 - 2 * (torch.arange(48_000) // 320 % 2))
    repetition = RepetitionDistance(RATE_HZ)
    assert repetition.likeness(noise).mean() < 0.05
    for repeated in (same, alternating, 1e-3 * same):
        assert repetition.likeness(repeated).mean() > 0.5
        assert repetition(repeated, noise) > 0.5
    assert repetition(noise, noise) == 0
    assert repetition(torch.randn_like(noise), noise) < 0.05
    assert repetition(torch.zeros_like(noise), torch.zeros_like(noise)) == 0
    check_gradient_at_silence(repetition, noise)


def test_spectra_smoother_than_noise_are_seen() -> None:
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(2, 48_000)
    clicks = 0.1 * (torch.arange(48_000) % 128 == 0).expand(2, -1)  # one in each window of 256: quite even
    contrast = ContrastDistance(RATE_HZ)
    assert contrast(noise, noise) == 0
    assert contrast(0.1 * torch.randn_like(noise), noise) < 0.15 < 0.3 < contrast(clicks, noise)
    assert (
        contrast_db([clicks[:1]], RATE_HZ)
        < 0.1
        < 5
        < contrast_db([noise[:1], torch.zeros(1, 9_000)], RATE_HZ)
        < 6
    )
    assert contrast(noise, torch.zeros_like(noise)) == 0  # silence has no texture
    check_gradient_at_silence(contrast, noise)


def test_bins_that_are_always_too_loud_are_seen() -> None:
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(4, 48_000)
    spectrum = torch.fft.rfft(noise)
    odd = torch.arange(spectrum.shape[1]) // 150 % 2  # 75 Hz each
    uneven = torch.fft.irfft(spectrum * (1 + 3 * odd), 48_000)
    tilted = torch.fft.irfft(spectrum * torch.linspace(1, 4, spectrum.shape[1]), 48_000)
    ripple = RippleDistance(RATE_HZ)
    assert ripple(noise, noise) == 0
    assert ripple(0.1 * torch.randn_like(noise), noise) < 0.1 < 0.2 < ripple(uneven, noise)
    assert ripple(tilted, noise) < 0.05
    check_gradient_at_silence(ripple, noise)


def test_distances_last_as_long_at_other_rates() -> None:
    torch.manual_seed(0)
    narrow, wide = 0.1 * torch.randn(2, 24_000), 0.1 * torch.randn(2, 48_000)
    shapes = {}
    for rate_hz, noise in ((24_000, narrow), (48_000, wide)):
        texture, repetition = TextureDistance(rate_hz), RepetitionDistance(rate_hz)
        shapes[rate_hz] = texture.shares(noise).shape[1:], repetition.likeness(noise).shape[1]
        assert len(texture.shares(noise)) == len(bands_at(rate_hz))
    assert shapes[24_000] == shapes[48_000]
    assert bands_at(48_000)[-1][1] > 24_000 > 12_002 > bands_at(24_000)[-1][1]

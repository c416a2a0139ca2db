"""The spectral family: shapes, sizes, and what it may cost."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codectool.models.spectral import Config, build
from codectool.nn.gate import HEARD, GatedSpectrum
from codectool.nn.spectra import PolarSpectrum, SpectralFeatures
from codectool.nn.wave import OTHERS

MAC_LIMIT_A_SECOND = 1e9  # both ways together, network and search: a third of EnCodec's


def macs_a_frame(module: nn.Module) -> int:
    """Count the products of a frame: every weight of a linear map or convolution is used once."""
    return sum(
        layer.weight.numel() for layer in module.modules() if isinstance(layer, (nn.Linear, nn.Conv1d))
    )


def test_arithmetic_stays_within_the_limit() -> None:
    config = Config()
    codec = build(config)
    search = config.levels * config.codebook_size * config.latent_dim
    frame_rate_hz = config.sample_rate_hz / config.hop_samples
    total = (macs_a_frame(codec.encoder) + macs_a_frame(codec.decoder) + search) * frame_rate_hz
    assert 0.3e9 < total < MAC_LIMIT_A_SECOND


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 639, 24_000])
def test_frames_and_samples_fit(samples: int) -> None:
    codec = build(Config(encoder_width=8, decoder_width=8, encoder_blocks=1, decoder_blocks=1))
    frames = codec.frames_for(samples)
    with torch.inference_mode():
        latents = codec.encoder(torch.zeros(1, samples, 1))
        if samples:  # an empty stream has no frames at all, where the layers alone would make one
            assert latents.shape == (1, frames, 64)
        audio = codec.decoder(torch.zeros(1, frames, 64))
    assert samples <= max(0, audio.shape[1] - codec.decoder.latency) < samples + 320


def test_silence_and_full_scale_have_finite_features() -> None:
    for value in (0.0, 1e-30, 20.0):
        features = SpectralFeatures()(torch.full((1, 2, 6), value))
        assert features.shape == (1, 2, 9)
        assert torch.isfinite(features).all()
        assert features.abs().max() < 10


def test_polar_spectra_have_the_stated_magnitude_and_phase() -> None:
    polar = torch.tensor([[0.5, -3.0, 100.0, 0.0, 1.0, -2.0]])
    real, imaginary = PolarSpectrum()(polar).chunk(2, dim=-1)
    torch.testing.assert_close(torch.hypot(real, imaginary)[0, :2], polar[0, :2].exp())
    torch.testing.assert_close(torch.atan2(imaginary, real)[0], polar[0, 3:])
    assert torch.isfinite(real).all()


def test_without_a_wave_all_is_painted() -> None:
    hop, wave_dim = 4, 5
    head = torch.randn(1, 3, 5 * (hop + 1))
    numbers = torch.zeros(1, 3, wave_dim)
    gated = GatedSpectrum(hop, wave_dim)(torch.cat((head, numbers), dim=-1))
    torch.testing.assert_close(gated, PolarSpectrum()(head[..., : 2 * (hop + 1)]))


def test_a_wave_far_above_its_noise_is_heard_in_part_where_it_is_no_tone() -> None:
    hop, wave_dim = 4, 6
    head = torch.randn(1, 3, 5 * (hop + 1))
    head[..., : hop + 1] = -20  # nothing is painted
    head[..., 4 * (hop + 1) :] = -100  # log noise
    numbers = torch.cat((torch.randn(1, 3, wave_dim - 1), torch.ones(1, 3, 1)), dim=-1)
    module = GatedSpectrum(hop, wave_dim)
    heard, wave = module(torch.cat((head, numbers), dim=-1)), module.wave(numbers)
    assert (heard.abs() >= HEARD * wave.abs() - 1e-5).all()
    assert (heard.abs() <= wave.abs() + 1e-5).all()


@pytest.mark.parametrize(("levels", "wave_dim"), [(0, 42), (16, 0), (16, 2), (16, 400), (32, 42)])
def test_a_wave_path_has_to_fit(levels: int, wave_dim: int) -> None:
    with pytest.raises(ValueError, match="wave"):
        Config(wave_levels=levels, wave_dim=wave_dim)


@pytest.mark.parametrize(("levels", "bands"), [(0, 40), (16, 0), (32, 40)])
def test_an_envelope_path_has_to_fit(levels: int, bands: int) -> None:
    with pytest.raises(ValueError, match="envelope"):
        Config(envelope_levels=levels, envelope_bands=bands)


def test_a_model_has_one_further_path() -> None:
    with pytest.raises(ValueError, match="levels of a wave path"):
        Config(envelope_levels=8, envelope_bands=40, wave_levels=8, wave_dim=42)


def test_a_tone_passes_a_gate_that_is_shut() -> None:
    hop, places = 160, 150
    head = torch.zeros(1, 1, 5 * (hop + 1))
    head[..., : hop + 1] = -20  # nothing is painted
    head[..., 4 * (hop + 1) :] = 100  # log noise
    gate = GatedSpectrum(hop, places + OTHERS)
    tone, noise = torch.zeros(places), torch.zeros(places)
    tone[70], noise[::2] = 4.0, 4.0 / (places / 2) ** 0.5
    kept = []
    for numbers in (tone, noise):
        told = torch.cat((numbers, torch.zeros(1), torch.ones(1)))[None, None]
        before, after = gate.wave(told), gate(torch.cat((head, told), dim=-1))
        kept.append(float(after.square().sum() / before.square().sum()))
    assert kept[0] > 0.8
    assert kept[1] < 0.1

"""A model of two channels begins as one of one, and learns from audio of two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch

from codectool.models.spectral import Config, SpectralCodec, build
from weights.recipe import balance, train, widen
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import load_codec
from weights.recipe.objective import DIRECTIONS, compared, draw_directions
from weights.recipe.validation import decode, encode

from .written_corpus import noises, write_corpus

RATE_HZ = 48_000
SMALL = Config(latent_dim=8, encoder_width=16, encoder_blocks=1, decoder_width=16, decoder_blocks=2)
WIDE = replace(SMALL, sample_rate_hz=RATE_HZ, channels=2, hop_samples=640, latent_dim=12)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of noise of two channels, every other file of one channel at 24 kHz."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), noises(("train", "train"), 12_000), RATE_HZ, 2)


def test_batches_have_two_channels_which_are_sometimes_alike(cache: Path) -> None:
    corpus = Corpus(cache)
    batch = draw_batch(corpus, np.random.default_rng(0), 60, 4800)
    assert batch.shape == (60, 2, 4800)
    alike = (batch[:, 0] == batch[:, 1]).all(axis=1).sum()
    assert 5 < alike < 55
    assert np.abs(batch).max() <= 1


def test_all_directions_are_compared() -> None:
    torch.manual_seed(0)
    assert len(draw_directions(400).unique()) == len(DIRECTIONS)
    audio = torch.tensor([[[1.0], [0.5]]]).repeat(4, 1, 1)  # left and right of one sample
    found, wanted = compared(0 * audio, audio, torch.arange(4))
    assert wanted[:, 0].tolist() == pytest.approx([1, 0.5, 0.75, 0.25 + 0.1 * 0.75])
    assert found[:, 0].tolist() == pytest.approx([0, 0, 0, 0.1 * 0.75])  # the mid's part is not at fault
    assert [sound.shape for sound in compared(audio[:, :1], audio[:, :1], None)] == [(4, 1)] * 2


def trunk_of(codec: SpectralCodec, audio: torch.Tensor) -> torch.Tensor:
    """Return what an encoder makes of `[batch, samples, channels]` before its last map and norm."""
    for part in list(codec.encoder.parts)[:-2]:
        audio = part(audio)
    return audio


@torch.inference_mode()
def test_a_widened_model_does_below_12_khz_what_the_narrow_one_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widen, "NEW_SCALE", 0)  # what is new stays without effect
    torch.manual_seed(0)
    narrow = build(SMALL)
    wide = widen.widened(narrow)
    assert (wide.config.sample_rate_hz, wide.config.channels, wide.config.hop_samples) == (RATE_HZ, 2, 640)
    spectrum = torch.fft.rfft(0.1 * torch.randn(RATE_HZ))
    spectrum[9_000:] = 0
    low = torch.fft.irfft(spectrum)
    at_half = torch.from_numpy(soxr.resample(low.numpy(), RATE_HZ, 24_000, "VHQ"))
    trunks = [trunk_of(narrow, at_half[None, :, None]), trunk_of(wide, low[None, :, None].repeat(1, 1, 2))]
    before, after = (trunk[:, 4:-4] for trunk in trunks)
    assert (after - before).square().mean() < 1e-3 * before.square().mean()
    latents = torch.randn(1, 20, 8)
    more = torch.cat((latents, torch.randn(1, 20, wide.config.latent_dim - 8)), dim=-1)
    mid = wide.decoder(more)[0].mean(1).numpy()
    sounds = narrow.decoder(latents)[0, :, 0], torch.from_numpy(soxr.resample(mid, RATE_HZ, 24_000, "VHQ"))
    before, after = (sound[960:-960] for sound in sounds)
    assert (after - before).square().mean() < 0.1 * before.square().mean()


@torch.no_grad()
def test_new_weights_are_fitted_to_what_audio_has_of_the_side(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widen, "SEGMENTS", 8)
    monkeypatch.setattr(widen, "LATENT_DIM", 12)
    monkeypatch.setattr(widen, "NARROW_LATENT_DIM", 8)
    monkeypatch.setattr(widen, "BANDS_HZ", (2000, 24_001))
    monkeypatch.setattr(widen, "HIGH_BANDS_HZ", (12_000, 24_001))
    torch.manual_seed(0)
    fit = widen.StereoFit(widen.widened(build(SMALL)), Corpus(cache))
    sounds = fit.sounds[0]
    told = fit.told(sounds)
    assert told.shape[1] == 4
    fit.set_features()
    fit.set_latents()
    latents = fit.wide.encoder(sounds).flatten(0, 1)
    for mine, wanted in zip(latents.T[8:11], told.T, strict=False):
        assert torch.corrcoef(torch.stack((mine, wanted)))[0, 1] > 0.5
    wanted, errors = fit.spectra(sounds)[0], []
    for _ in range(2):
        x = fit.wide.encoder(sounds)
        for part in list(fit.wide.decoder.parts)[:-3]:
            x = part(x)
        found = x.flatten(0, 1).unflatten(-1, (2, 2, -1))[:, :, 0]
        errors.append((found - wanted).clamp(min=-3).abs().mean())
        fit.set_head(320)
    assert errors[1] < errors[0] / 2


def test_training_of_two_channels_runs_and_exports(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(train, "monotonic", lambda: next(clock) / 10)
    monkeypatch.setattr(train, "Config", lambda: replace(WIDE, levels=4, codebook_size=8))
    monkeypatch.setattr(train, "KMEANS_BATCHES", 1)
    monkeypatch.setattr("weights.recipe.validation.VALIDATED_LEVELS", (2, 4))
    monkeypatch.setattr("weights.recipe.validation.SEGMENTS", 2)
    options = train.Options([], cache, tmp_path / "run", minutes=0.5 + 2 / 60, batch=4, unquantized_steps=2)
    trainer = train.Trainer(options)
    trainer.run()
    assert trainer.step > 2
    codec = load_codec(tmp_path / "run" / "best.safetensors")
    audio = 0.1 * torch.randn(1, 2, 9600)
    with torch.inference_mode():
        decoded = decode(codec, encode(codec, audio), 9600)
    assert decoded.shape == (1, 2, 9600)
    assert torch.isfinite(decoded).all()


@torch.no_grad()
def test_a_side_that_is_too_faint_is_made_louder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "SEGMENTS", 8)
    torch.manual_seed(0)
    codec = build(replace(WIDE, codebook_size=8))
    codec.quantizer.set_codebooks(torch.randn_like(codec.quantizer.codebooks))
    corpus = Corpus(cache)
    side = codec.decoder.parts[-4].module.bias.view(2, 2, -1)[1, 0]
    before = balance.lacking(codec, corpus)
    side -= 1
    fainter = balance.lacking(codec, corpus)
    assert (fainter >= before - 1e-3).all()
    assert fainter.mean() > before.mean()
    side += fainter
    assert balance.lacking(codec, corpus).abs().mean() < fainter.abs().mean()

"""A wave path is given to weights without one, and a decoder learns from codes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codectool.models.spectral import Config, SpectralCodec, build
from weights.recipe.data import Corpus
from weights.recipe.grow import coding_noise, grown, set_presence
from weights.recipe.pool import CodedPool
from weights.recipe.quantizer import fit_levels
from weights.recipe.validation import decode, encode

from .written_corpus import noises, write_corpus

RATE_HZ = 24_000
SMALL = Config(
    latent_dim=8,
    encoder_width=8,
    encoder_blocks=1,
    decoder_width=8,
    decoder_blocks=2,
    levels=4,
    codebook_size=16,
)
WAVE = replace(SMALL, wave_levels=2, wave_dim=42)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus of noise, of which every other file is stereo at 48 kHz."""
    sounds = noises(("train", "train48"), RATE_HZ // 4)
    return Corpus(write_corpus(tmp_path_factory.mktemp("corpus"), sounds, RATE_HZ, 1))


def test_every_file_becomes_24_khz_mono(corpus: Corpus) -> None:
    lengths = {clip.length_samples for clips in corpus.train.values() for clip in clips}
    assert lengths == {RATE_HZ // 4}


def wave_codec(levels: int = 4) -> SpectralCodec:
    """Return a model with a wave path and random codebooks."""
    torch.manual_seed(0)
    codec = build(replace(WAVE, levels=levels, wave_levels=levels - 2))
    for quantizer in (codec.quantizer, codec.wave.quantizer):
        quantizer.set_codebooks(torch.randn_like(quantizer.codebooks))
    return codec


@torch.inference_mode()
def test_grown_weights_do_what_they_did_with_their_first_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weights.recipe.grow.KEPT_NUMBERS", 40)
    torch.manual_seed(0)
    small = build(SMALL)
    small.quantizer.set_codebooks(torch.randn_like(small.quantizer.codebooks))
    codec = grown(small.state_dict(), SMALL, painted_levels=2)
    audio = 0.1 * torch.randn(2, 1, 3200)
    codes = encode(small, audio)[:, :2]
    assert torch.equal(encode(codec, audio)[:, :2], codes)
    assert torch.equal(decode(codec, codes, 3200), decode(small, codes, 3200))


@torch.inference_mode()
def test_both_parts_of_a_codec_paint_the_same() -> None:
    codec = wave_codec()
    codec.wave.quantizer.set_codebooks(torch.zeros_like(codec.wave.quantizer.codebooks))
    codes = encode(codec, 0.1 * torch.randn(2, 1, 3200))
    torch.testing.assert_close(decode(codec, codes, 3200), decode(codec, codes[:, :2], 3200))


@torch.inference_mode()
def test_levels_of_the_wave_bring_it_nearer() -> None:
    codec = wave_codec()
    numbers = torch.randn(3000, WAVE.wave_dim)
    numbers[:, -1] = 1
    codebooks = torch.zeros_like(codec.wave.quantizer.codebooks)
    fit_levels(codebooks, numbers, 0)
    codec.wave.quantizer.set_codebooks(codebooks)
    torch.testing.assert_close(codebooks[0, :, -1], torch.ones(16))
    left_by_two, left_by_one = (coding_noise(codec, numbers, levels).exp().mean() for levels in (2, 1))
    assert 0 < left_by_two < left_by_one


def test_a_pool_gives_audio_with_what_its_own_codes_become(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weights.recipe.pool.SIZE", 8)
    monkeypatch.setattr("weights.recipe.pool.FILLED_AT_ONCE", 4)
    monkeypatch.setattr("weights.recipe.pool.FAVOURED_LEVELS", {4: 1e9})  # all four, always
    model = wave_codec()
    pool = CodedPool(model, corpus, np.random.default_rng(0), 3200)
    before = pool.audio.clone()
    pool.refresh(3)
    replaced = [bool((old != new).any()) for old, new in zip(before, pool.audio, strict=True)]
    assert 1 <= replaced.count(True) <= 3
    audio, found = pool.draw(6)
    codec = model.at(4)
    latents = codec.quantizer.decode(codec.quantizer.encode(codec.encoder(audio.transpose(1, 2))))
    torch.testing.assert_close(codec.decoder(latents), pool.after_trunk(found))


@torch.inference_mode()
def test_a_wave_of_few_levels_is_heard_little() -> None:
    codec = wave_codec(levels=6)
    codebooks = codec.wave.quantizer.codebooks.clone()
    set_presence(codebooks)
    codec.wave.quantizer.set_codebooks(codebooks)
    codes = encode(codec, 0.1 * torch.randn(1, 1, 3200))
    latents = [codec.at(6).quantizer.decode(codes[:, :levels]) for levels in range(2, 7)]
    assert [float(x[0, 0, -1]) for x in latents] == [0, 0.25, 0.5, 0.75, 1]

"""A wave path is given to weights without one, and a decoder learns from codes alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from codectool.models.spectral import Config, build
from codectool.nn.quantizer import ResidualVectorQuantizer
from weights.recipe.data import SAMPLE_RATE_HZ, Corpus, decode_corpus
from weights.recipe.grow import coding_noise, grown_state
from weights.recipe.pool import CodedPool
from weights.recipe.quantizer import fit_levels

SMALL = Config(
    latent_dim=8,
    encoder_width=8,
    encoder_blocks=1,
    decoder_width=8,
    decoder_blocks=2,
    levels=4,
    codebook_size=16,
)
WAVE = replace(SMALL, latent_dim=8 + 42, wave_dim=42)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus of noise, of which every other file is stereo at 48 kHz."""
    folder = tmp_path_factory.mktemp("corpus")
    rows, rng = ["file\tkind\tset\tsource_id"], np.random.default_rng(0)
    for kind in ("speech", "music", "other"):
        for source in range(24):
            channels = 1 + source % 2
            noise = 0.1 * rng.standard_normal((channels * SAMPLE_RATE_HZ // 4, channels))
            soundfile.write(folder / f"{kind}{source}.flac", noise, channels * SAMPLE_RATE_HZ)
            rows.append(f"{kind}{source}.flac\t{kind}\t{('train', 'train48')[source % 2]}\t{kind}-{source}")
    (folder / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    decode_corpus([folder / "MANIFEST.tsv"], folder / "cache.npy")
    return Corpus(folder / "cache.npy")


def test_every_file_becomes_24_khz_mono(corpus: Corpus) -> None:
    lengths = {clip.length_samples for clips in corpus.train.values() for clip in clips}
    assert lengths == {SAMPLE_RATE_HZ // 4}


@torch.inference_mode()
def test_grown_weights_do_what_they_did_while_no_wave_is_coded() -> None:
    torch.manual_seed(0)
    small, grown = build(SMALL), build(WAVE)
    small.quantizer.set_codebooks(torch.randn_like(small.quantizer.codebooks))
    grown.load_state_dict(grown_state(small.state_dict(), grown))
    audio = 0.1 * torch.randn(2, 3200, 1)
    codes = small.quantizer.encode(small.encoder(audio))
    assert torch.equal(grown.quantizer.encode(grown.encoder(audio)), codes)
    one, other = (model.decoder(model.quantizer.decode(codes)) for model in (small, grown))
    torch.testing.assert_close(one, other)


@torch.inference_mode()
def test_levels_of_the_wave_bring_it_nearer() -> None:
    torch.manual_seed(0)
    codec = build(WAVE)
    numbers = torch.randn(3000, WAVE.wave_dim)
    numbers[:, -1] = 1
    codebooks = codec.quantizer.codebooks
    fit_levels(codebooks[2:, :, -WAVE.wave_dim :], numbers, 0)
    codec.quantizer.set_codebooks(codebooks)
    assert not codebooks[2:, :, : -WAVE.wave_dim].any()
    torch.testing.assert_close(codebooks[2, :, -1], torch.ones(16))
    all_of_it, left_by_one = (coding_noise(codec, numbers, levels).exp().mean() for levels in (0, 2))
    assert 0 < left_by_one < all_of_it


def test_a_level_is_searched_where_its_entries_are() -> None:
    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(3, 16, 6)
    codebooks = torch.randn(3, 16, 6)
    codebooks[0, :, 3:] = codebooks[1, :, :4] = 0
    codebooks[2] = 0
    quantizer.set_codebooks(codebooks)
    rows = torch.randn(50, 6)
    for level in range(2):
        expected = torch.cdist(rows, codebooks[level]).argmin(1)
        assert torch.equal(quantizer.nearest(rows, level), expected)
        quantizer.pack(torch.float32)
        assert torch.equal(quantizer.nearest(rows, level), expected)
    assert quantizer.nearest(rows, 2).eq(0).all()


def test_a_pool_gives_audio_with_what_its_own_codes_become(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weights.recipe.pool.SIZE", 8)
    monkeypatch.setattr("weights.recipe.pool.FILLED_AT_ONCE", 4)
    monkeypatch.setattr("weights.recipe.pool.FAVOURED_LEVELS", {4: 1e9})  # all four, always
    torch.manual_seed(0)
    model = build(WAVE)
    codebooks = torch.randn_like(model.quantizer.codebooks)
    codebooks[:2, :, 8:] = codebooks[2:, :, :8] = 0
    model.quantizer.set_codebooks(codebooks)
    pool = CodedPool(model, corpus, np.random.default_rng(0), 3200)
    before = pool.audio.clone()
    pool.refresh(3)
    replaced = [bool((old != new).any()) for old, new in zip(before, pool.audio, strict=True)]
    assert 1 <= replaced.count(True) <= 3
    audio, found = pool.draw(6)
    latents = model.quantizer.decode(model.quantizer.encode(model.encoder(audio[..., None])))
    torch.testing.assert_close(model.decoder.parts[0](latents), found)

"""A wave path is given to weights without one, and all else learns around codebooks that stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from codectool.models.spectral import Config, SpectralCodec, build
from weights.recipe.ceiling import stages
from weights.recipe.data import Corpus
from weights.recipe.fixed_codebooks import code_and_decode
from weights.recipe.grow import coding_noise, grown, set_presence
from weights.recipe.quantizer import fit_levels
from weights.recipe.validation import decode, encode, in_line

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
    codes = encode(small, audio, 2)
    assert torch.equal(encode(codec, audio, 2), codes)
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


def test_training_around_codebooks_decodes_what_files_hold() -> None:
    model, audio = wave_codec(), 0.1 * torch.randn(5, 1, 3200)
    levels = torch.tensor([4, 3, 2, 2, 1])
    for some in (slice(0, 5), slice(0, 2), slice(2, 5)):  # of both parts of the codec, and of one alone
        decoded, distance = code_and_decode(model, audio[some], levels[some])
        for segment, count, found in zip(audio[some], levels[some].tolist(), decoded, strict=True):
            torch.testing.assert_close(found, decode(model, encode(model, segment[None], count), 3200)[0])
        assert distance > 0
    decoded.square().sum().backward()
    learned = [name for name, value in model.named_parameters() if value.grad is not None]
    assert {name.split(".")[0] for name in learned} == {"encoder", "decoder"}


def test_the_search_in_training_is_as_precise_as_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    model, precise = wave_codec(), []
    search = model.quantizer.encode

    def noting(latents: torch.Tensor, levels: int) -> torch.Tensor:
        precise.append(not torch.is_autocast_enabled("cpu") and latents.dtype == torch.float32)
        return search(latents, levels)

    monkeypatch.setattr(model.quantizer, "encode", noting)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        code_and_decode(model, 0.1 * torch.randn(2, 1, 3200), torch.tensor([2, 1]))
    assert precise == [True, True]


@torch.inference_mode()
def test_a_wave_of_few_levels_is_heard_little() -> None:
    codec = wave_codec(levels=6)
    codebooks = codec.wave.quantizer.codebooks.clone()
    set_presence(codebooks)
    codec.wave.quantizer.set_codebooks(codebooks)
    codes = encode(codec, 0.1 * torch.randn(1, 1, 3200))
    latents = [codec.at(6).quantizer.decode(codes[:, :levels]) for levels in range(2, 7)]
    assert [float(x[0, 0, -1]) for x in latents] == [0, 0.25, 0.5, 0.75, 1]


@torch.inference_mode()
def test_the_ceiling_of_each_stage_is_measured_around_its_quantizer() -> None:
    codec, audio = wave_codec(), 0.1 * torch.randn(1, 1, 3200)
    found = {(levels, used): decoded for levels, used, decoded in stages(codec, audio)}
    assert set(found) == {(2, True), (2, False), (4, True), (4, False)}
    for levels in (2, 4):
        assert torch.equal(found[levels, True], decode(codec, encode(codec, audio, levels), 3200))
        part = codec.at(levels)
        latents = part.encoder(audio.transpose(1, 2))
        assert torch.equal(found[levels, False], in_line(part.decoder, latents, 3200))

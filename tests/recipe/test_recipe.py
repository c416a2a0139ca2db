"""The training recipe in miniature: it learns, stops in time, resumes, and exports what the package loads."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codectool.models.loading import load
from codectool.nn.quantizer import ResidualVectorQuantizer
from tests.small_models import codec_of
from weights.recipe import train
from weights.recipe.augment import draw_batch
from weights.recipe.data import KIND_SHARES, Clip, Corpus, decode_corpus, held_out_sources
from weights.recipe.losses import EnvelopeDistance, MelDistances, mel_filters, relative_distance
from weights.recipe.mix import mixed
from weights.recipe.quantizer import QuantizerTraining, fit_levels, level_probabilities

RATE_HZ = 24_000


@pytest.fixture(scope="module")
def corpus_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of tones, with one eval row that must never be read, and the decoded cache."""
    folder = tmp_path_factory.mktemp("corpus")
    rows = ["file\tkind\tset\tsource_id", "missing.flac\tspeech\teval\tnever"]
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for kind in KIND_SHARES:
        for source in range(30):
            name = f"{kind}{source}.flac"
            soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * (100 + 50 * source) * time_s), RATE_HZ)
            rows.append(f"{name}\t{kind}\ttrain\t{kind}-{source}")
    manifest = folder / "MANIFEST.tsv"
    manifest.write_text("\n".join(rows) + "\n")
    decode_corpus([manifest], folder / "cache.npy", RATE_HZ, 1)
    return manifest, folder / "cache.npy"


def test_held_out_sources_are_whole_and_few() -> None:
    clips = [Clip(kind, f"{kind}{i % 40}", 0, 1000 + i) for kind in KIND_SHARES for i in range(200)]
    chosen = held_out_sources(clips)
    for kind in KIND_SHARES:
        total = sum(clip.length_samples for clip in clips if clip.kind == kind)
        held = sum(clip.length_samples for clip in clips if clip.kind == kind and clip.source_id in chosen)
        assert 0 < held <= 0.05 * total
    assert held_out_sources(list(reversed(clips))) == chosen


def test_batches_are_of_training_audio_and_reproducible(corpus_files: tuple[Path, Path]) -> None:
    corpus = Corpus(corpus_files[1])
    for kind in KIND_SHARES:
        assert {clip.source_id for clip in corpus.train[kind]}.isdisjoint(
            clip.source_id for clip in corpus.held_out[kind]
        )
    first, again = (draw_batch(corpus, np.random.default_rng(3), 40, 4000) for _ in range(2))
    assert first.shape == (40, 1, 4000)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert np.isfinite(first).all()
    assert 0.1 < np.abs(first).max() <= 1
    fixed = corpus.held_out_segments("speech", 3, 500)
    assert np.array_equal(fixed, corpus.held_out_segments("speech", 3, 500))


def test_losses_are_zero_for_equal_audio_and_grow_with_noise() -> None:
    torch.manual_seed(0)
    audio = torch.randn(2, 12_000) * 0.1
    spectra, envelope = MelDistances(RATE_HZ), EnvelopeDistance(RATE_HZ)

    def mel(decoded: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        return spectra(decoded, reference)["mel"]

    def audible(decoded: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        return spectra(decoded, reference)["audible"]

    assert mel(audio, audio).item() == audible(audio, audio).item() == 0
    assert envelope(audio, audio).item() == pytest.approx(0, abs=1e-5)
    assert relative_distance(audio, audio).tolist() == [0, 0]
    noise = torch.randn_like(audio)
    for distance in (mel, audible, envelope, relative_distance):
        values = [distance(audio + level * noise, audio).mean().item() for level in (0.01, 0.1, 1.0)]
        assert values == sorted(values)
    np.testing.assert_allclose(relative_distance(torch.zeros_like(audio), audio), [1, 1], atol=0.02)
    silence = torch.zeros(1, 12_000)
    for distance in (mel, audible, envelope):
        assert torch.isfinite(distance(silence, silence))


def test_envelopes_are_heard_at_any_level_and_only_where_there_are_any() -> None:
    torch.manual_seed(0)
    time_s = torch.arange(24_000) / RATE_HZ
    beat = 1 + torch.sin(2 * torch.pi * 4 * time_s)
    sound = 0.1 * beat * torch.randn(1, 24_000)
    envelope = EnvelopeDistance(RATE_HZ)
    for level in (1, 0.01, 0.001):  # the quietest at -80 dBFS
        for louder in (1, 2):
            assert envelope(louder * level * sound, level * sound).item() == pytest.approx(0, abs=1e-3)
    steady, against = 0.1 * torch.randn(1, 24_000), 0.1 * (2 - beat) * torch.randn(1, 24_000)
    assert 0.3 < envelope(steady, sound).item() < 1.2 < envelope(against, sound).item()
    assert envelope(sound, torch.zeros_like(sound)).item() == 0
    quiet = torch.zeros(1, 24_000, requires_grad=True)
    envelope(quiet, sound).backward()
    assert quiet.grad is not None
    assert torch.isfinite(quiet.grad).all()


def test_mel_filters_cover_every_band() -> None:
    for window, bands in ((2048, 160), (128, 16)):
        filters = mel_filters(window, bands, RATE_HZ)
        assert filters.shape == (window // 2 + 1, bands)
        assert (filters.sum(dim=0) > 0.5).all()


def test_level_probabilities_cover_every_count_and_favour_common_rates() -> None:
    probabilities = level_probabilities(32)
    assert probabilities.sum().item() == pytest.approx(1)
    assert (probabilities > 0).all()
    assert probabilities[7] > probabilities[6]
    assert probabilities[7] > probabilities[8]


def test_codebooks_learn_the_data_and_dead_codes_come_back() -> None:
    torch.manual_seed(0)
    centres = torch.randn(16, 4) * 3
    quantizer = ResidualVectorQuantizer(2, 16, 4)
    training = QuantizerTraining(quantizer, 2)

    def draw(rows: int) -> torch.Tensor:
        return centres[torch.randint(16, (rows,))] + 0.05 * torch.randn(rows, 4)

    training.start(draw(400))
    quantizer.codebooks[0, :8] = 100.0  # half of the codes die
    training.sums = quantizer.codebooks * training.counts[..., None]
    quantizer.set_codebooks(quantizer.codebooks.clone())
    for step in range(400):
        latents = draw(128).view(2, 64, 4)
        kept = torch.tensor([2, 1])
        before = latents.clone()
        quantized = training.quantize(latents, kept, replace=step % 20 == 0)
        assert torch.equal(latents, before), "learning changed its input"
    # k-means may leave two centres in one cluster, so a few rows need the second level
    assert (quantized - latents).square().mean() < 0.05 * latents.square().mean()
    assert len(quantizer.encode(draw(2000)[None], 1).unique()) > 12


def test_fitting_upper_levels_leaves_the_lower_ones_and_uses_every_code() -> None:
    torch.manual_seed(0)
    latents = torch.randn(2000, 4)
    codebooks = torch.randn(3, 16, 4)
    codebooks[2] = 100.0  # dead
    lower = codebooks[:2].clone()
    fit_levels(codebooks, latents, 2)
    assert torch.equal(codebooks[:2], lower)
    quantizer = ResidualVectorQuantizer(3, 16, 4)
    quantizer.set_codebooks(codebooks)
    codes = quantizer.encode(latents[None])
    assert len(codes[0, 2].unique()) == 16
    errors = [(quantizer.decode(codes[:, :n]) - latents).square().mean() for n in (2, 3)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("adversarial", [False, True])
def test_train_stops_saves_resumes_and_exports(
    corpus_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adversarial: bool
) -> None:
    manifest, cache = corpus_files
    for name, value in {"KMEANS_BATCHES": 5, "LOG_EVERY_STEPS": 1}.items():
        monkeypatch.setattr(train, name, value)
    clock = itertools.count(0, 0.1)  # a second for every ten looks at the clock, on any machine
    monkeypatch.setattr(train, "monotonic", lambda: next(clock))
    config = dataclasses.replace(
        train.Config(), encoder_width=8, decoder_width=8, encoder_blocks=1, decoder_blocks=1
    )
    monkeypatch.setattr(train, "Config", lambda **values: dataclasses.replace(config, **values))
    options = train.Options([manifest], cache, tmp_path / "run", minutes=0.5 + 2 / 60, batch=4)
    options.unquantized_steps = 2
    options.adversarial = adversarial
    trainer = train.Trainer(options)
    trainer.run()
    steps = trainer.step
    assert steps > 2
    assert (tmp_path / "run" / "log.csv").read_text().count("held_out") == 13
    exported = tmp_path / "run" / "best.safetensors"
    assert codec_of(load("base_24khz", exported)).config == config
    for resume in (tmp_path / "run" / "checkpoint.pt", exported):
        resumed = train.Trainer(dataclasses.replace(options, resume=resume, out=tmp_path / resume.stem))
        assert resumed.step == (steps if resume.suffix == ".pt" else 0)
        resumed.run()
        assert resumed.step > resumed.first_step


def test_mixed_weights_lie_between_those_of_the_same_codebooks() -> None:
    books = {"quantizer.codebooks": torch.ones(2, 4, 3)}
    first, second = (books | {"encoder.a": torch.full((2,), x), "b": torch.full((2,), x)} for x in (0.0, 1.0))
    found = mixed(first, second, 0.5, 0.75)
    assert (found["encoder.a"].tolist(), found["b"].tolist()) == ([0.5, 0.5], [0.75, 0.75])
    assert torch.equal(found["quantizer.codebooks"], books["quantizer.codebooks"])
    other = second | {"quantizer.codebooks": torch.zeros(2, 4, 3)}
    with pytest.raises(ValueError, match="other codebooks"):
        mixed(first, other, 0.5, 0.5)

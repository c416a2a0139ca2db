"""An envelope path is given to weights without one, and brings bands nearer to what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from codectool.models.spectral import Config, SpectralCodec, build
from weights.recipe import envelope
from weights.recipe.data import Corpus
from weights.recipe.envelope import fitted, grown, keep_training_state, numbers_of
from weights.recipe.export import export, load_exported, save_tensors
from weights.recipe.validation import decode, encode

from .written_corpus import Sound, write_corpus

RATE_HZ = 48_000
SMALL = Config(
    sample_rate_hz=RATE_HZ,
    channels=2,
    hop_samples=640,
    latent_dim=8,
    encoder_width=8,
    encoder_blocks=1,
    decoder_width=8,
    decoder_blocks=1,
    levels=6,
    codebook_size=16,
)


@pytest.fixture
def codec() -> SpectralCodec:
    """A model that paints nearly nothing."""
    torch.manual_seed(0)
    codec = build(SMALL)
    codec.quantizer.set_codebooks(torch.randn_like(codec.quantizer.codebooks))
    return codec.eval()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Noise in stereo, louder and fainter."""
    rng, kinds = np.random.default_rng(0), ("speech", "music", "other")
    sounds = (
        Sound(
            kinds[source % 3],
            str(source),
            10 ** rng.uniform(-3, -1) * rng.standard_normal((RATE_HZ, 2)),
            RATE_HZ,
            "train48",
        )
        for source in range(24)
    )
    return Corpus(write_corpus(tmp_path_factory.mktemp("corpus"), sounds, RATE_HZ, 2))


@torch.inference_mode()
def test_grown_weights_do_what_they_did_with_their_first_levels(codec: SpectralCodec) -> None:
    larger, audio = grown(codec, 2, 8), 0.1 * torch.randn(1, 2, 6400)
    assert torch.equal(encode(larger, audio, 2), encode(codec, audio, 2))
    codes = encode(larger, audio)
    torch.testing.assert_close(decode(larger, codes[:, :2], 6400), decode(codec, codes[:, :2], 6400))
    # and a path that nothing is known of corrects nothing
    torch.testing.assert_close(decode(larger, codes, 6400), decode(codec, codes[:, :2], 6400))


@torch.inference_mode()
def test_bands_come_nearer_level_by_level(
    codec: SpectralCodec, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "SEGMENTS", 32)
    monkeypatch.setattr(envelope, "TRIED_SEGMENTS", 16)
    larger = fitted(codec, corpus, 2, 8)
    audio = 0.03 * torch.randn(1, 2, RATE_HZ)
    codes, wanted = encode(larger, audio), numbers_of(larger, audio)[..., :-1]
    errors = []
    for levels in (2, 3, 6):
        found = numbers_of(larger, decode(larger, codes[:, :levels], RATE_HZ))[..., :-1]
        errors.append(float((found - wanted).abs().mean()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.5 * errors[0]


def test_the_training_state_of_levels_that_stay_is_kept(codec: SpectralCodec, tmp_path: Path) -> None:
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    export(codec.state_dict(), codec.config, old, {"steps": "7"})
    keep_training_state(old, new, 2)
    assert not (tmp_path / "new_training_state.safetensors").exists()
    save_tensors({"counts": torch.arange(12.0).view(6, 2)}, tmp_path / "old_training_state.safetensors", {})
    keep_training_state(old, new, 2)
    kept = load_exported(tmp_path / "new_training_state.safetensors")
    assert torch.equal(kept["counts"], torch.arange(4.0).view(2, 2))

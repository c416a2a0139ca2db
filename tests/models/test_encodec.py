"""EnCodec models through sessions and files: the same in any pieces, and as on the whole signal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from codectool.audio.pcm import Block
from codectool.audio.sink import open_sink
from codectool.audio.source import open_source
from codectool.errors import UsageError
from codectool.models import encodec
from codectool.models.loaded import LoadedModel
from codectool.models.registry import find
from codectool.nn.linear import pack
from codectool.pipeline import DecodeJob, EncodeJob, decode, encode
from codectool.sessions.streaming import DecoderSession, EncoderSession
from tests.small_models import codec_of, model_of
from tests.streams import decoded, encoded

LEVELS, CODEBOOK_SIZE, HOP_SAMPLES = 3, 16, 320
LENGTHS = [0, 1, 319, 320, 321, 2_239, 2_240, 2_241, 23_999, 24_000, 24_001, 26_237, 49_999]
TIE = 1e-4  # squared distances this close, relative to their size, may come out either way in another sum


def small(name: str, **changes: object) -> LoadedModel:
    """Return a narrow model of that kind, ready to run."""
    torch.manual_seed(0)
    entry = replace(find(name), levels=LEVELS, codebook_size=CODEBOOK_SIZE, **changes)  # type: ignore[arg-type]
    shape = {"filters": 4, "latent_dim": 8, "levels": LEVELS, "codebook_size": CODEBOOK_SIZE}
    codec = encodec.build(encodec.Config(**{**entry.config, **shape})).eval().requires_grad_(False)
    latents = codec.encoder(torch.randn(1, 64 * entry.hop_samples, 1))[0]
    entries = latents[torch.randint(64, (LEVELS, CODEBOOK_SIZE))]
    codec.quantizer.set_codebooks(entries * torch.tensor([1.0, 0.5, 0.25])[:, None, None])
    pack(codec, torch.float32)
    return model_of(codec, entry)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return small("encodec_24khz")


def noise(samples: int) -> Block:
    """Return mono noise."""
    return np.random.default_rng(0).normal(0, 1, (1, samples)).astype(np.float32)


def assert_nearest(codes: Tensor, latents: Tensor, codebooks: Tensor) -> None:
    """Check that codes `[levels, frames]` are the nearest to latents `[frames, dim]`, but for ties."""
    residual = latents
    for level_codes, entries in zip(codes, codebooks, strict=True):
        distances = torch.cdist(residual, entries).square()
        chosen = distances.gather(1, level_codes[:, None])[:, 0]
        assert (chosen <= distances.min(dim=1).values * (1 + TIE) + TIE).all()
        residual = residual - entries[level_codes]


@torch.inference_mode()
@pytest.mark.parametrize("samples", LENGTHS)
def test_codes_are_those_of_the_whole_signal_in_any_pieces(model: LoadedModel, samples: int) -> None:
    audio = noise(samples)
    session = EncoderSession(model, LEVELS)
    codes = encoded(session, audio, max(1, samples))
    assert codes.shape == (LEVELS, -(-samples // HOP_SAMPLES))
    for piece_samples in (997, 24_000, 7_777):
        np.testing.assert_array_equal(encoded(session, audio, piece_samples), codes)
    if samples:
        latents = codec_of(model).encoder(torch.from_numpy(audio)[:, :, None])[0]
        assert_nearest(torch.from_numpy(codes.astype(np.int64)), latents, codec_of(model).quantizer.codebooks)


@torch.inference_mode()
def test_bfloat16_is_near_float32_and_streams_too(model: LoadedModel) -> None:
    rounded = small("encodec_24khz")
    pack(codec_of(rounded), torch.bfloat16)
    audio = noise(30_011)
    codes = encoded(EncoderSession(rounded, LEVELS), audio, 30_011)
    np.testing.assert_array_equal(encoded(EncoderSession(rounded, LEVELS), audio, 997), codes)
    exact = decoded(DecoderSession(model), codes, 94)
    near = decoded(DecoderSession(rounded), codes, 94)
    np.testing.assert_array_equal(decoded(DecoderSession(rounded), codes, 8), near)
    error = np.abs(near - exact).max()
    assert 0 < error < 0.05 * np.abs(exact).max()


@torch.inference_mode()
@pytest.mark.parametrize("frames", [0, 1, 6, 7, 8, 74, 75, 76, 157])
def test_audio_is_that_of_all_codes_in_any_pieces(model: LoadedModel, frames: int) -> None:
    codes = np.random.default_rng(0).integers(0, CODEBOOK_SIZE, (LEVELS, frames)).astype(np.uint16)
    session = DecoderSession(model)
    audio = decoded(session, codes, max(1, frames))
    assert audio.shape == (1, frames * HOP_SAMPLES)
    for piece_frames in (1, 8, 75):
        np.testing.assert_array_equal(decoded(session, codes, piece_frames), audio)
    if frames:
        latents = codec_of(model).quantizer.decode(torch.from_numpy(codes.astype(np.int64))[None])
        whole = codec_of(model).decoder(latents)[:, :, 0].numpy()
        np.testing.assert_allclose(audio, whole, atol=1e-5)


def test_short_blocks_are_made_long_enough_to_begin(model: LoadedModel) -> None:
    assert EncoderSession(model, LEVELS, block_frames=2).block_frames == 7
    assert DecoderSession(model, block_frames=2).block_frames == 7
    audio = noise(30_000)
    codes = encoded(EncoderSession(model, LEVELS, block_frames=2), audio, 1_000)
    assert codes.shape[1] == 94


def test_sound_after_a_loss_keeps_its_place(model: LoadedModel) -> None:
    codes = np.random.default_rng(0).integers(0, CODEBOOK_SIZE, (LEVELS, 100)).astype(np.uint16)
    session = DecoderSession(model)
    before = [session.push(codes[:, :33]), session.conceal()]
    assert sum(block.shape[1] for block in before) == 34 * HOP_SAMPLES
    after = np.concatenate([session.push(codes[:, 34:]), session.finish()], axis=1)
    np.testing.assert_array_equal(after, decoded(DecoderSession(model), codes[:, 34:], 66))


def test_a_model_that_is_not_causal_takes_whole_recordings_up_to_its_limit() -> None:
    model = small("encodec_32khz", longest_samples=64_000)
    session = EncoderSession(model, LEVELS)
    audio = noise(64_000)
    codes = encoded(session, audio, 64_000)
    assert codes.shape[1] == 100
    np.testing.assert_array_equal(encoded(session, audio, 999), codes)
    sound = decoded(DecoderSession(model), codes, 100)
    assert sound.shape == (1, 64_000)
    np.testing.assert_array_equal(decoded(DecoderSession(model), codes, 7), sound)
    with pytest.raises(UsageError, match="2 s at most"):
        encoded(session, noise(64_001), 999)
    with pytest.raises(UsageError, match="2 s at most"):
        DecoderSession(model).push(np.zeros((LEVELS, 101), np.uint16))


@pytest.mark.parametrize(
    ("name", "channels"), [("encodec_24khz", 1), ("encodec_48khz", 2), ("encodec_32khz", 1)]
)
@pytest.mark.parametrize("samples", [0, 1, 30_011, 48_100])
def test_files_give_back_the_length(name: str, channels: int, samples: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = {"filters": 4, "latent_dim": 8}
    codec = encodec.build(encodec.Config(**{**find(name).config, **shape}))
    codec.quantizer.codebooks.normal_()
    weights = tmp_path / "weights.safetensors"
    save_file(codec.state_dict(), weights, {"config": json.dumps(shape)})
    source, coded, back = (str(tmp_path / file) for file in ("in.wav", "out.ecdc", "back.wav"))
    with open_sink(source, rate_hz=44_100, channels=2) as sink:
        sink.write(np.repeat(noise(samples), 2, axis=0) * 0.1)
    encode(EncodeJob(source, coded, levels=2, model=name, weights=weights))
    result = decode(DecodeJob(coded, back, weights=weights))
    assert not result.damage
    with open_source(back) as audio:
        assert (audio.rate_hz, audio.channels) == (44_100, channels)
        assert sum(block.shape[1] for block in audio.blocks()) == samples


def test_channels_that_are_coded_together_cannot_be_kept_apart(tmp_path: Path) -> None:
    source = str(tmp_path / "in.wav")
    with open_sink(source, rate_hz=48_000, channels=2) as sink:
        sink.write(np.zeros((2, 100), np.float32))
    job = EncodeJob(source, str(tmp_path / "out.ecdc"), model="encodec_48khz", keep_channels=True)
    with pytest.raises(UsageError, match="codes its channels together"):
        encode(job)

"""Sessions of a model that codes in segments: the same stream in any pieces, and no other lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from codectool.audio.pcm import Block
from codectool.container import Header, Writer
from codectool.errors import DataError
from codectool.models import encodec
from codectool.models.loaded import LoadedModel
from codectool.models.registry import find
from codectool.pipeline import DecodeJob, decode
from codectool.sessions.segments import Segment, SegmentDecoderSession, SegmentEncoderSession
from tests.small_models import model_of

SEGMENT_SAMPLES, STRIDE_SAMPLES, HOP_SAMPLES = 120, 108, 6


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    """A small stereo model, whose segments are 20 frames long and share 2."""
    torch.manual_seed(0)
    shape = {
        "channels": 2,
        "levels": 3,
        "codebook_size": 16,
        "latent_dim": 8,
        "filters": 4,
        "ratios": (3, 2),
        "causal": False,
        "group_norm": True,
        "normalized": True,
    }
    codec = encodec.build(encodec.Config(**shape)).eval().requires_grad_(False)
    codec.quantizer.set_codebooks(torch.randn(3, 16, 8))
    entry = replace(
        find("encodec_48khz"),
        hop_samples=HOP_SAMPLES,
        levels=3,
        codebook_size=16,
        segment_samples=SEGMENT_SAMPLES,
        segment_stride_samples=STRIDE_SAMPLES,
    )
    return model_of(codec, entry)


def noise(samples: int) -> Block:
    """Return stereo noise."""
    return np.random.default_rng(0).normal(0, 0.1, (2, samples)).astype(np.float32)


def encoded(model: LoadedModel, audio: Block, piece_samples: int) -> list[Segment]:
    session = SegmentEncoderSession(model, levels=3)
    segments = []
    for start in range(0, audio.shape[1], piece_samples):
        segments += session.push(audio[:, start : start + piece_samples])
    return segments + session.finish()


LENGTHS = [0, 1, 107, 108, 109, 119, 120, 121, 227, 228, 229, 997]


@pytest.mark.parametrize("samples", LENGTHS)
def test_pieces_do_not_matter_and_lengths_are_right(model: LoadedModel, samples: int) -> None:
    audio = noise(samples)
    whole = encoded(model, audio, max(1, samples))
    assert [segment.codes.shape[1] for segment in whole] == [
        -(-min(SEGMENT_SAMPLES, samples - start) // HOP_SAMPLES)
        for start in range(0, samples, STRIDE_SAMPLES)
    ]
    for piece_samples in (1, 7, 120, 131):
        for ours, same in zip(encoded(model, audio, piece_samples), whole, strict=True):
            np.testing.assert_array_equal(ours.codes, same.codes)
            assert ours.scale == same.scale
    session = SegmentDecoderSession(model)
    decoded = np.concatenate([*(session.push(segment) for segment in whole), session.finish()], axis=1)
    assert decoded.shape[0] == 2
    assert samples <= decoded.shape[1] < samples + SEGMENT_SAMPLES


def test_the_scale_is_the_loudness_of_the_mean_channel(model: LoadedModel) -> None:
    audio = noise(SEGMENT_SAMPLES)
    (segment, _) = encoded(model, audio, SEGMENT_SAMPLES)
    assert segment.scale == pytest.approx(np.sqrt(np.mean(audio.mean(axis=0) ** 2)), rel=1e-5)
    (louder, _) = encoded(model, audio * 64, SEGMENT_SAMPLES)
    np.testing.assert_array_equal(louder.codes, segment.codes)
    (silent, _) = encoded(model, audio * 0, SEGMENT_SAMPLES)
    assert 0 < silent.scale < 1e-7


def test_a_lost_segment_is_silence_and_the_next_keeps_its_place(model: LoadedModel) -> None:
    segments = encoded(model, noise(4 * STRIDE_SAMPLES), 4 * STRIDE_SAMPLES)
    session = SegmentDecoderSession(model)
    whole = np.concatenate([*(session.push(segment) for segment in segments), session.finish()], axis=1)
    steps: list[Callable[[], Block]] = [
        (lambda segment=segment: session.push(segment))
        for segment in segments  # type: ignore[misc]
    ]
    steps[1] = session.conceal
    damaged = np.concatenate([*(step() for step in steps), session.finish()], axis=1)
    assert damaged.shape == whole.shape
    assert not damaged[:, SEGMENT_SAMPLES : 2 * STRIDE_SAMPLES].any()
    unhurt = np.r_[0:STRIDE_SAMPLES, STRIDE_SAMPLES + SEGMENT_SAMPLES : whole.shape[1]]
    np.testing.assert_array_equal(damaged[:, unhurt], whole[:, unhurt])


@pytest.mark.parametrize(("frames", "streams"), [(20, 1), (1, 1), (19, 1), (2000, 1), (20, 2)])
def test_files_of_other_segments_are_refused(
    model: LoadedModel, tmp_path: Path, frames: int, streams: int
) -> None:
    rate_hz = model.entry.sample_rate_hz
    numbers = (rate_hz, HOP_SAMPLES, 4, 3, streams, rate_hz, 2, frames)
    coded = tmp_path / "forged.ecdc"
    with coded.open("wb") as file:
        writer = Writer(file, Header(model.entry.name, bytes(8), *numbers, scaled=True))
        writer.write_codes(np.zeros((streams, 3, frames), np.uint16), 1.0)
        writer.finish(0)
    job = DecodeJob(str(coded), str(tmp_path / "out.wav"))
    if (frames, streams) == (20, 1):
        decode(job, loader=lambda *_: model)
        return
    with pytest.raises(DataError, match="header does not fit"):
        decode(job, loader=lambda *_: model)
    assert list(tmp_path.iterdir()) == [coded]


def test_other_models_are_refused() -> None:
    model = model_of(encodec.build(encodec.Config(filters=4)), find("encodec_24khz"))
    with pytest.raises(ValueError, match="does not code in segments"):
        SegmentEncoderSession(model, levels=3)
    with pytest.raises(ValueError, match="does not code in segments"):
        SegmentDecoderSession(model)

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
from codectool.sessions.payloads import Payload, payload_decoder
from codectool.sessions.segments import Segment, SegmentDecoderSession, SegmentEncoderSession
from tests.small_models import model_of

SEGMENT_SAMPLES, STRIDE_SAMPLES, HOP_SAMPLES = 120, 108, 6


NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=NEEDS_GPU)])
def model(request: pytest.FixtureRequest) -> LoadedModel:
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
        name="small_segments",
        hop_samples=HOP_SAMPLES,
        levels=3,
        codebook_size=16,
        segment_samples=SEGMENT_SAMPLES,
        segment_stride_samples=STRIDE_SAMPLES,
    )
    return model_of(codec, entry, request.param)


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


@pytest.mark.parametrize("lost", [{0}, {0, 1}, {1, 2}, {3}, {0, 3}, {0, 1, 2, 3}])
def test_any_lost_segments_keep_the_place_of_others(model: LoadedModel, lost: set[int]) -> None:
    segments = encoded(model, noise(4 * STRIDE_SAMPLES), 4 * STRIDE_SAMPLES)
    whole = SegmentDecoderSession(model)
    expected = np.concatenate([*(whole.push(segment) for segment in segments), whole.finish()], axis=1)
    session = SegmentDecoderSession(model)
    blocks = [
        session.conceal() if number in lost else session.push(segment)
        for number, segment in enumerate(segments)
    ]
    damaged = np.concatenate([*blocks, session.finish()], axis=1)
    assert damaged.dtype == np.float32
    # the last one is shorter, which nothing says when it is lost
    more_samples = SEGMENT_SAMPLES - STRIDE_SAMPLES if 3 in lost else 0
    assert damaged.shape[1] == expected.shape[1] + more_samples
    for number in range(4):
        alone = slice(
            number * STRIDE_SAMPLES + SEGMENT_SAMPLES - STRIDE_SAMPLES, (number + 1) * STRIDE_SAMPLES
        )
        if number in lost:
            assert not damaged[:, alone].any()
        else:
            np.testing.assert_array_equal(damaged[:, alone], expected[:, alone])


def test_several_segments_lost_together_keep_the_place_of_the_next(model: LoadedModel) -> None:
    segments = encoded(model, noise(6 * STRIDE_SAMPLES), 6 * STRIDE_SAMPLES)
    expected, damaged = payload_decoder(model), payload_decoder(model)
    payloads = [Payload(segment.codes[None], segment.scale) for segment in segments]
    whole = np.concatenate([*(expected.push(payload) for payload in payloads), expected.finish()], axis=1)
    before = [damaged.push(payload) for payload in payloads[:2]]
    sound, silent_samples = damaged.conceal(2 * SEGMENT_SAMPLES // HOP_SAMPLES)
    silence = np.zeros((2, silent_samples), np.float32)
    after = [damaged.push(payload) for payload in payloads[4:]]
    joined = np.concatenate([*before, sound, silence, *after, damaged.finish()], axis=1)
    assert joined.shape == whole.shape
    unhurt = np.r_[0 : 2 * STRIDE_SAMPLES, 3 * STRIDE_SAMPLES + SEGMENT_SAMPLES : whole.shape[1]]
    np.testing.assert_array_equal(joined[:, unhurt], whole[:, unhurt])
    empty, none = damaged.conceal(None)  # what is lost to an unknown end needs no place
    assert (empty.shape, none) == ((2, 0), 0)


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
        writer.finish(frames * HOP_SAMPLES)
    job = DecodeJob(str(coded), str(tmp_path / "out.wav"), model=model.entry.name)
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

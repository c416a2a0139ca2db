"""EnCodec's networks against its published code; `python -m benchmarks.peers.encodec_equality` compares more.

Needs `pip install --no-deps encodec` and einops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.peers.encodec_equality import (
    CHANGED_CODES,
    compare,
    decoded,
    encoded,
    proofs,
    signal,
    their_latents,
    tied_frames,
)
from codectool.models.encodec import EncodecCodec
from codectool.sessions.overlap import OverlapAdd
from tests.peers import reference

pytestmark = pytest.mark.skipif(not reference.is_installed(), reason="encodec and einops are not installed")

FEWEST_USED = 50


@pytest.fixture(scope="module", params=["encodec_24khz", "encodec_48khz"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Any, EncodecCodec]]:
    """Give the published model and ours, with the same random weights."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = reference.random_reference(request.param, speeds=(0.85,), scaling_s=1.0)
    yield model, reference.ours(model)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("samples", [1, 319, 321, 6_007, 24_001])
@pytest.mark.parametrize("name", ["speech", "clicks"])
def test_codes_and_audio_are_theirs(pair: tuple[Any, EncodecCodec], name: str, samples: int) -> None:
    model, codec = pair
    for row in compare(model, codec, name, samples, [1, 3, 16]):
        assert row.is_equal, row


def test_wrong_networks_would_be_found(pair: tuple[Any, EncodecCodec]) -> None:
    model, codec = pair
    facts = proofs(codec, model.name, 24_000)
    assert facts.pop("fewest_codes_used") > FEWEST_USED
    assert all(part > CHANGED_CODES for part in facts.values()), facts


@torch.inference_mode()
@pytest.mark.parametrize(
    "samples", [400, 47_900, 48_000, 96_007]
)  # theirs fails where 1 to 160 are left over
def test_segments_are_joined_as_theirs(pair: tuple[Any, EncodecCodec], samples: int) -> None:
    model, codec = pair
    if model.segment is None:
        pytest.skip("has no segments")
    audio = signal("speech", samples, model.sample_rate, model.channels)
    theirs = model.encode(audio)
    overlap = OverlapAdd(model.segment_stride)
    state, pieces = None, []
    for number, (codes, scale) in enumerate(theirs):
        start = number * model.segment_stride
        segment = audio[:, :, start : start + 48_000]
        our_codes, our_scale = encoded(codec, segment, codes.shape[1])
        tied = tied_frames(their_latents(model, segment), codes[0], our_codes, codec.quantizer.codebooks)
        assert torch.equal(our_codes[:, ~tied], codes[0][:, ~tied])
        assert tied.sum() <= 1  # which of two equally near entries is taken, sums decide
        torch.testing.assert_close(our_scale, scale[:, 0])
        piece, state = overlap.step(decoded(codec, codes[0], our_scale).numpy(), state)
        pieces.append(piece)
    joined = torch.from_numpy(np.concatenate((*pieces, overlap.finish(state)), axis=1))
    torch.testing.assert_close(joined, model.decode(theirs)[0], atol=1e-5, rtol=1e-4)

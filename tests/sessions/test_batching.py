"""Recordings encoded together: each gets the codes that it gets alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codectool.audio.pcm import Block
from codectool.models.loaded import LoadedModel
from codectool.sessions import batching as together
from codectool.sessions.batching import Clip, encode_clips
from codectool.sessions.blocks import JOINED_S

HOP_SAMPLES = 320
LENGTHS = [0, 0, 1, 319, 320, 321, 641, 24_000, 24_001, 24_007, 23_681, 48_000, 47_000, 46_000, 100_003]


def recordings(model: LoadedModel, lengths: list[int], levels: int = 8) -> list[Clip]:
    """Return noise of so many samples, each a clip of its own."""
    rng = np.random.default_rng(0)
    audio = [rng.normal(0, 0.1, (1, samples)).astype(np.float32) for samples in lengths]
    return [Clip(model, each, levels) for each in audio]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of recordings in each pass that is made."""
    counts: list[int] = []
    one_pass = together._pass
    monkeypatch.setattr(together, "_pass", lambda group: (counts.append(len(group)), one_pass(group))[1])
    return counts


def test_codes_are_those_of_each_alone(small_torch_model: LoadedModel, passes: list[int]) -> None:
    several = recordings(small_torch_model, LENGTHS)
    for codes, each in zip(encode_clips(several), several, strict=True):
        if codes is not None:
            assert codes.dtype == np.uint16
            np.testing.assert_array_equal(codes, each.encode_alone())
    # in frames: 314; 151, 148 and 145; 77, 77, 76 and 76; 4; 3; 2, 2 and 2; and two of none
    assert passes == [3, 4, 3]


def test_a_pass_is_filled_and_no_more(small_torch_model: LoadedModel, passes: list[int]) -> None:
    joined_frames = small_torch_model.entry.frames_in(JOINED_S)
    fitting = [(joined_frames // 3 - 1) * HOP_SAMPLES] * 7
    codes = encode_clips(recordings(small_torch_model, fitting))
    assert passes == [3, 3]
    assert sum(each is None for each in codes) == 1
    assert encode_clips(recordings(small_torch_model, [fitting[0] * 2 + 1] * 2)) == [None, None]


def test_other_models_and_levels_share_no_pass(small_torch_model: LoadedModel, passes: list[int]) -> None:
    second: Block = np.zeros((1, 24_000), np.float32)
    (first,) = recordings(small_torch_model, [24_000])
    for other in (
        Clip(replace(small_torch_model), second, 8),
        Clip(small_torch_model, second, 7),
    ):
        assert encode_clips([first, other]) == [None, None]
    assert passes == []


def test_none_is_shared_where_bits_would_change(small_torch_model: LoadedModel) -> None:
    assert encode_clips([]) == []
    several = recordings(replace(small_torch_model, joined_levels=frozenset()), [24_000, 24_000])
    assert encode_clips(several) == [None, None]

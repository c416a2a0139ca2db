"""What users may hand over, and what they are told of everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from codectool import UsageError
from codectool.api.arrays import audio_block, code_array, levels_of, sample_rate_hz
from codectool.models.registry import find

ENTRY = find("base_24khz")
RAMP = np.linspace(-1, 1, 9)


@pytest.mark.parametrize(
    "audio",
    [
        RAMP,
        RAMP.astype(np.float32),
        RAMP.tolist(),
        RAMP[None],
        torch.from_numpy(RAMP),
        torch.tensor(RAMP[None]),
    ],
    ids=["float64", "float32", "list", "one channel", "tensor", "tensor of one channel"],
)
def test_floats_of_all_kinds_are_the_same_audio(audio: Any) -> None:
    block = audio_block(audio)
    assert (block.shape, block.dtype) == ((1, 9), np.float32)
    np.testing.assert_array_equal(block[0], RAMP.astype(np.float32))


def test_a_tensor_with_a_gradient_or_in_bfloat16_is_taken() -> None:
    assert audio_block(torch.zeros(4, requires_grad=True)).shape == (1, 4)
    assert audio_block(torch.ones(4, dtype=torch.bfloat16)).tolist() == [[1.0] * 4]


@pytest.mark.parametrize(
    ("kind", "low", "high"), [(np.int16, -(2**15), 2**14), (np.int32, -(2**31), 2**30), (np.uint8, 0, 192)]
)
def test_whole_numbers_are_scaled(kind: type, low: int, high: int) -> None:
    np.testing.assert_array_equal(audio_block(np.array([low, high], kind)), [[-1.0, 0.5]])


def test_channels_come_first_or_last_by_an_explicit_word() -> None:
    stereo = np.zeros((2, 100), np.float32)
    assert audio_block(stereo).shape == audio_block(stereo.T, channels_last=True).shape == (2, 100)
    with pytest.raises(ValueError, match=r"100 channels of 2 samples.*channels_last=True"):
        audio_block(stereo.T)


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (np.zeros((1, 2, 3)), "give \\[samples\\]"),
        (np.float32(1), "give \\[samples\\]"),
        (np.zeros((0, 5)), "0 channels"),
        (np.array([0.0, np.nan]), "not finite"),
        (np.array([np.inf]), "not finite"),
        (np.array([1e300]), "not finite"),
        (np.array(["a"]), "give numbers"),
        (np.zeros(3, np.complex64), "give numbers"),
        (np.zeros(3, bool), "give numbers"),
        (np.zeros(3, np.int64), "int16"),
        ([[1.0], [1.0, 2.0]], "give an array"),
        (None, "give numbers"),
    ],
)
def test_what_is_no_audio_is_refused(audio: Any, said: str) -> None:
    with np.errstate(over="ignore"), pytest.raises(UsageError, match=said):
        audio_block(audio)


@pytest.mark.parametrize("rate", [0, -1, 44100.5, 768_001, "44100", float("nan"), True])
def test_impossible_rates_are_refused(rate: Any) -> None:
    with pytest.raises(ValueError, match="sample_rate"):
        sample_rate_hz(rate, ENTRY)


def test_rates_may_be_whole_floats() -> None:
    assert sample_rate_hz(44100.0, ENTRY) == sample_rate_hz(np.int64(44100), ENTRY) == 44100
    assert sample_rate_hz(None, ENTRY) == 24_000


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (np.zeros(8, np.int64), "give \\[levels, frames\\]"),
        (np.zeros((8, 4)), "give integers"),
        (np.zeros((33, 4), np.int64), "33 levels"),
        (np.zeros((0, 4), np.int64), "0 levels"),
        (np.full((8, 4), 1024), "0 to 1023"),
        (np.full((8, 4), -1), "0 to 1023"),
    ],
)
def test_codes_that_cannot_be_are_refused(codes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        code_array(codes, ENTRY)


def test_a_bit_rate_or_levels_but_not_both() -> None:
    assert levels_of(ENTRY, None, None) == levels_of(ENTRY, 6000, None) == levels_of(ENTRY, None, 8) == 8
    with pytest.raises(ValueError, match="not both"):
        levels_of(ENTRY, 6000, 8)


@pytest.mark.parametrize("choice", [{"levels": True}, {"levels": 2.5}, {"levels": "2"}, {"bitrate": "6kbps"}])
def test_levels_and_rates_are_numbers(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="give a"):
        levels_of(find("base_24khz"), choice.get("bitrate"), choice.get("levels"))

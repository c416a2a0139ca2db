"""Bands of the envelope path: where they lie, how loud they are, and what is painted nearer to them."""

from __future__ import annotations

import math

import pytest
import torch

from codectool.nn.envelope import (
    FLOOR,
    LOWEST_HZ,
    NARROWEST_BINS,
    SIDE_TO_MID,
    BandNumbers,
    CorrectedBands,
    band_edges,
)

EDGES = [0, 4, 10, 21]
BINS = EDGES[-1]


@pytest.mark.parametrize(
    ("bands", "bins", "rate_hz"), [(40, 641, 48_000), (24, 321, 24_000), (3, 21, 24_000)]
)
def test_bands_cover_all_high_bins_and_none_is_too_narrow(bands: int, bins: int, rate_hz: int) -> None:
    edges = band_edges(bands, bins, rate_hz)
    widths, hertz = torch.tensor(edges).diff(), rate_hz / 2 / (bins - 1)
    assert (edges[0] - 1) * hertz < LOWEST_HZ <= edges[0] * hertz
    assert edges[-1] == bins
    assert len(widths) <= bands
    assert widths.min() >= NARROWEST_BINS
    assert (widths[1:] >= widths[:-1] - NARROWEST_BINS).all()  # wider from low to high, but for rounding


def test_numbers_are_mean_magnitudes_of_bands() -> None:
    real, zeros = torch.zeros(1, 2, BINS), torch.zeros(1, 2, BINS)
    real[..., 4:10] = 0.5
    numbers = BandNumbers(1, EDGES)(torch.cat((real, zeros), dim=-1))
    assert numbers.shape == (1, 2, 4)
    expected = torch.tensor([math.log(FLOOR), math.log(0.5), math.log(FLOOR), 1.0])
    torch.testing.assert_close(numbers[0, 0], expected, atol=1e-4, rtol=0)


def test_a_side_that_is_not_heard_is_told_as_just_heard() -> None:
    mid, zeros = torch.full((1, 1, BINS), 0.1), torch.zeros(1, 1, BINS)
    numbers = BandNumbers(2, EDGES)(torch.cat((mid, zeros, zeros, zeros), dim=-1))
    torch.testing.assert_close(numbers[..., 3:6], numbers[..., :3] + math.log(SIDE_TO_MID), atol=1e-3, rtol=0)


@pytest.mark.parametrize("channels", [1, 2])
def test_numbers_that_are_trusted_are_what_is_painted(channels: int) -> None:
    torch.manual_seed(0)
    module, numbers = CorrectedBands(channels, EDGES, levels=4), BandNumbers(channels, EDGES)
    module.trust[1:] = 1.0
    wanted = numbers(0.1 * torch.randn(1, 5, channels * 2 * BINS))
    head = torch.randn(1, 5, channels * 2 * BINS) - 2
    corrected = module(torch.cat((head, wanted), dim=-1))
    parts = corrected.chunk(2 * channels, dim=-1)
    phases = torch.cat(parts[1::2], dim=-1)
    torch.testing.assert_close(phases, torch.cat(head.chunk(2 * channels, dim=-1)[1::2], dim=-1))
    found = module.log_magnitudes([(2 * part).exp() for part in parts[::2]])
    torch.testing.assert_close(found[..., :3], wanted[..., :3], atol=1e-3, rtol=0)
    torch.testing.assert_close(
        found, wanted[..., :-1], atol=0.1, rtol=0
    )  # the side's floor moves with the mid


def test_trust_is_that_of_the_levels_that_are_there() -> None:
    module = CorrectedBands(1, EDGES, levels=4)
    module.trust[2], module.trust[4] = 0.5, 1.0
    head = torch.zeros(1, 1, 2 * BINS)
    told = torch.full((1, 1, 4), 1.0)
    for levels, gain in ((0, 0.0), (1, 0.0), (2, 0.5), (4, 1.0)):
        told[..., -1] = levels / 4
        corrected = module(torch.cat((head, told), dim=-1))
        torch.testing.assert_close(corrected[..., :BINS], torch.full((1, 1, BINS), gain))


def test_a_correction_has_a_limit() -> None:
    module = CorrectedBands(1, EDGES, levels=1)
    module.trust[1] = 1.0
    corrected = module(torch.cat((torch.full((1, 1, 2 * BINS), -9.0), torch.full((1, 1, 4), 1.0)), dim=-1))
    assert corrected[..., :BINS].max() == -6.0

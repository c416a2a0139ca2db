"""Onsets are found where they are, and missed where they are dropped."""

from __future__ import annotations

import pytest
import torch

from weights.recipe.onsets import differences_db, dropped, onsets


def test_a_dropped_onset_is_counted() -> None:
    torch.manual_seed(0)
    decay = torch.exp(-(torch.arange(48_000) % 12_000) / 2_000)
    bursts = 0.1 * (decay * torch.randn(1, 48_000)) + 1e-4 * torch.randn(1, 48_000)
    assert len(onsets(bursts, 24_000)) == 3  # the first of four does not rise
    assert dropped(bursts, bursts, 24_000) == 0
    assert dropped(bursts, 0.5 * bursts, 24_000) == 0
    echoed = bursts.clone()
    echoed[:, 21_600:24_000] += 0.05 * torch.randn(1, 2_400)  # 100 ms ahead of an onset
    assert dropped(bursts, echoed, 24_000) == 1
    assert differences_db(bursts, 0.5 * bursts, 24_000).mean() == pytest.approx(-6, abs=0.1)

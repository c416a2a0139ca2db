"""Sound through two pipes is not kept longer than it must be."""

from __future__ import annotations

import pytest

from benchmarks.delay import measure
from codectool.models.loaded import LoadedModel


@pytest.mark.parametrize(
    ("rate_hz", "low_latency", "limit_s"),
    [
        (24_000, False, 1.04),
        (44_100, False, 1.2),
        (24_000, True, 0.054),
        (48_000, True, 0.15),
        (8_000, True, 0.25),
    ],
)
def test_delay(small_model: LoadedModel, rate_hz: int, low_latency: bool, limit_s: float) -> None:
    delay = measure(small_model, rate_hz, low_latency, seconds=3.3)
    assert delay.first_s <= delay.longest_s <= limit_s


def test_short_packets_cost_what_is_said(small_model: LoadedModel) -> None:
    assert measure(small_model, 24_000, True, seconds=4).overhead_bps == pytest.approx(3900, rel=0.05)

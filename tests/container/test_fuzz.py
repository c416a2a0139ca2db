from __future__ import annotations

import pytest

from . import fuzz_container


@pytest.mark.parametrize("seed", [0, 1_000_000])
def test_a_short_run(seed: int) -> None:
    assert fuzz_container.fuzz(150, seed) > 80

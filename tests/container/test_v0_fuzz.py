from __future__ import annotations

from collections import Counter

import pytest

from .fuzz_v0 import check_number


@pytest.mark.parametrize("first", [0, 1_000_000])
def test_a_short_run(first: int) -> None:
    verdicts = Counter(check_number(number)[1] for number in range(first, first + 150))
    assert min(verdicts["damaged"], verdicts["refused"], verdicts["read"]) > 10

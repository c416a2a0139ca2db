"""PyTorch forgets kernels as it is told: else memory grows with every new length of recording."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from codectool.engines.kernel_caches import KERNELS, VARIABLES

SHAPES = KERNELS + 20
PROGRAM = f"""
from codectool.engines.kernel_caches import bound_kernel_caches
bound_kernel_caches()
import torch
weight = torch.ones(64, 64, 5)
for _ in range(2):
    for length in range(200, 200 + {SHAPES}):
        torch.nn.functional.conv1d(torch.ones(2, 64, length), weight)
"""


def compiled(environment: dict[str, str]) -> int:
    """Return how many convolutions oneDNN compiles for so many shapes, two times over."""
    unset = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=unset | {"ONEDNN_VERBOSE": "2", "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if ",convolution," in line]
    if not lines:
        pytest.skip("torch computes convolutions without oneDNN here")
    return sum("create:cache_miss" in line for line in lines)


def test_only_so_many_kernels_are_kept_unless_another_number_is_given() -> None:
    assert compiled({}) == 2 * SHAPES  # the first are forgotten when they are met again
    assert compiled(dict.fromkeys(VARIABLES, "1024")) == SHAPES

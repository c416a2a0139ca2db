"""The exponential linear unit: `x` where it is positive, else `exp(x) - 1`.

Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units (arXiv
1511.07289).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.layer import Layer, State

LOG2_E = math.log2(math.e)


def elu(x: Tensor, in_place: bool = False) -> Tensor:
    """Return the ELU of any tensor; `in_place` allows to overwrite it.

    In bfloat16 torch's own takes half as long again for the same numbers: powers of two are quick, and what
    float32 loses near 0 is far below bfloat16's rounding.
    """
    if x.dtype != torch.bfloat16:
        return F.elu_(x) if in_place else F.elu(x)
    exact = x.float()
    negative = (exact * LOG2_E).clamp_max_(0).exp2_().sub_(1)
    return torch.maximum(exact, negative, out=negative).to(x.dtype)


class Elu(Layer):
    """ELU of each step; it may overwrite its input unless told that this is somebody else's too."""

    def __init__(self, in_place: bool = True) -> None:
        super().__init__()
        self.in_place = in_place

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return elu(x, self.in_place), state

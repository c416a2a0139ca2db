"""Snake, an activation that is periodic around a slope of one.

Source: Ziyin et al., Neural Networks Fail to Learn Periodic Functions and How to Fix It (arXiv 2006.08195).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codectool.nn.layer import Layer, State

SMALLEST = 1e-9  # added to the divisor by the published code of DAC


class Snake(Layer):
    """Give `x + sin(alpha * x)^2 / alpha`, with an `alpha` for each channel of `[batch, time, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        sine = (x * self.alpha).sin_()
        return torch.addcmul(x, sine / (self.alpha + SMALLEST), sine), state

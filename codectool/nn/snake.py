"""Snake, an activation that is periodic around a slope of one.

Source: Ziyin et al., Neural Networks Fail to Learn Periodic Functions and How to Fix It (arXiv 2006.08195).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from codectool.nn.layer import Layer, State

SMALLEST = 1e-9  # added to the divisor by the published code of DAC
PIECE = 1 << 17  # numbers at once


class Snake(Layer):
    """Give `x + sin(alpha * x)^2 / alpha`, with an `alpha` for each channel of `[batch, time, width]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(width))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return _snake(x, self.alpha, self.alpha), state


class SnakeBeta(Layer):
    """Give `x + sin(a * x)^2 / b`; the parameters are the logarithms of `a` and `b`, one for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return _snake(x, self.alpha.exp(), self.beta.exp()), state


def _snake(x: Tensor, rate: Tensor, divisor: Tensor) -> Tensor:
    factor = (divisor + SMALLEST).reciprocal()
    if torch.is_grad_enabled():
        return torch.addcmul(x, (x * rate).sin().square(), factor)
    # The four passes over a piece find it in the processor's cache.
    y, steps = torch.empty_like(x), max(1, PIECE // (len(x) * x.shape[2]))
    for given, made in zip(torch.split(x, steps, dim=1), torch.split(y, steps, dim=1), strict=True):
        torch.mul(given, rate, out=made).sin_().square_()
        torch.addcmul(given, made, factor, out=made)
    return y

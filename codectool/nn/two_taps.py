"""Filters of two taps over rows, as strided kernels of two strides are: two thirds of the products.

Source: the algorithm of Toom and Cook for three outputs of two taps, with the points 0, 1, -1 and infinity
(Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308, section 4).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.linear import PackedLinear

MADE = 3  # outputs of four products
NARROWEST = 192  # numbers in a row, below which the sums cost as much as they save
LARGEST = 1 << 20  # numbers in a tap, above which its memory, twice the kernel's, is not worth the time
TILE_BYTES = 8 << 20  # of sums and products at once: a product of few rows takes as long to begin


class TwoTaps:
    """Give `first @ x[n] + second @ x[n + 1] + bias` for each row; taps are `[outputs, inputs]`."""

    def __init__(self, first: Tensor, second: Tensor, bias: Tensor) -> None:
        none = torch.zeros_like(bias)
        self._outputs, inputs = first.shape
        self._first = PackedLinear(first, none)
        self._sum = PackedLinear((first + second) / 2, bias)
        self._difference = PackedLinear((first - second) / 2, none)
        self._second = PackedLinear(second, none)
        bytes_of_three = 4 * 4 * (inputs + self._outputs)
        self._tile = max(1, TILE_BYTES // bytes_of_three) * MADE

    def __call__(self, x: Tensor) -> Tensor:
        """Take `[batch, rows + 1, inputs]` to `[batch, rows, outputs]`."""
        rows = x.shape[1] - 1
        x = F.pad(x, (0, 0, 0, -rows % MADE))
        y = x.new_empty(len(x), x.shape[1] - 1, self._outputs)
        for start in range(0, y.shape[1], self._tile):
            stop = min(start + self._tile, y.shape[1])
            self._threes(x[:, start : stop + 1], y[:, start:stop])
        return y[:, :rows]

    def _threes(self, x: Tensor, y: Tensor) -> None:
        """Fill `y` with three rows from each four of `x`, of which the last is the next four's first."""
        x0, x1, x2, x3 = x[:, :-1:MADE], x[:, 1::MADE], x[:, 2::MADE], x[:, MADE::MADE]
        both, turned = self._sum(x1 + x2), self._difference(x2 - x1)
        torch.sub(both, turned, out=y[:, 1::MADE])
        both += turned
        torch.add(both, self._first(x0 - x2), out=y[:, ::MADE])
        torch.add(both, self._second(x3 - x1), out=y[:, 2::MADE])


def suits(inputs: int, outputs: int) -> bool:
    """Tell whether taps of this shape are quicker so."""
    return min(inputs, outputs) >= NARROWEST and inputs * outputs <= LARGEST

"""Convolution over time by short Fourier transforms: a third of the products, and smaller rounding errors.

Source: overlap-save (Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.7.3), with complex
products of three real ones each (Gauss). All of it is three products of matrices a block, so it runs at the
speed of those.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LENGTH = 16  # steps a transform sees; longer ones save little more, and take more memory for the kernel
NARROWEST = 64  # channels, below which the transforms cost more than they save
WIDEST = 384  # channels, above which the transformed kernel takes more memory than its share of time is worth
SHORTEST = 5  # taps of a kernel
TILE_BYTES = 4 << 20  # of products at once: what a processor's caches hold


class OverlapSave:
    """A kernel `[outputs, inputs, taps]` and its bias, ready to convolve; no stride, no groups."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int) -> None:
        self.taps = weight.shape[2]
        self.dilation = dilation
        self.outputs = weight.shape[0]
        self.made = LENGTH - self.taps + 1  # steps that come out of a transform
        forward, kernel, backward = _transforms(self.taps)
        self._forward, self._backward = forward.float(), backward.float()
        exact = weight.detach().double().transpose(0, 1).contiguous()
        self._kernel = torch.stack([(exact @ taps).float() for taps in kernel])
        # What is added to a transform's first product is added to all its outputs, a LENGTH-th of it.
        self._bias = LENGTH * bias.detach()
        row_bytes = 4 * dilation * max(weight.shape[:2])
        self._tile = max(1, TILE_BYTES // (len(self._forward) * row_bytes))  # transforms at once

    def pays(self, count: int) -> bool:
        """Tell whether so many outputs take fewer products so than tap by tap."""
        transforms = -(-count // (self.made * self.dilation))
        return transforms * self.dilation * len(self._forward) < count * self.taps

    def __call__(self, x: Tensor) -> Tensor:
        """Take `[batch, time, inputs]`; an output comes where the whole kernel has inputs."""
        return torch.stack([self._of_one(stream) for stream in x.contiguous()])

    def _of_one(self, x: Tensor) -> Tensor:
        # As many steps as the dilation are one row, so that the taps stand over neighbouring rows.
        row = self.dilation * x.shape[1]
        count = len(x) - (self.taps - 1) * self.dilation
        transforms = -(-count // (self.made * self.dilation))
        y = x.new_empty(transforms, self.made, self.dilation * self.outputs)
        for first in range(0, transforms, self._tile):
            tile = min(self._tile, transforms - first)
            start = first * self.made * self.dilation
            rows = x[start:]
            missing = (tile * self.made + self.taps - 1) * self.dilation - len(rows)
            if missing > 0:
                rows = F.pad(rows, (0, 0, 0, missing))
            windows = rows.as_strided((LENGTH, tile, row), (row, self.made * row, 1))
            spectrum = self._forward @ windows.reshape(LENGTH, tile * row)
            products = torch.bmm(spectrum.view(len(self._forward), -1, x.shape[1]), self._kernel)
            products[0] += self._bias
            found = self._backward @ products.flatten(1)
            y[first : first + tile] = found.view(self.made, tile, -1).transpose(0, 1)
        return y.view(-1, self.outputs)[:count]


def suits(kernel: int, inputs: int, outputs: int) -> bool:
    """Tell whether a convolution of this shape is quicker so."""
    sizes = inputs, outputs
    return SHORTEST <= kernel <= LENGTH // 2 and min(sizes) >= NARROWEST and max(sizes) <= WIDEST


def _transforms(taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what takes windows `[LENGTH]` and kernels `[taps]` to products, and those to outputs.

    The products are real: one for the lowest and the highest frequency, three for each between them.
    """
    steps = torch.arange(LENGTH, dtype=torch.float64)
    forward, kernel, backward = [], [], []
    for frequency in range(LENGTH // 2 + 1):
        angles = 2 * math.pi * frequency / LENGTH * steps
        real, imaginary = angles.cos(), -angles.sin()  # of a window's transform a + ib
        p, q = angles[:taps].cos(), angles[:taps].sin()  # of the kernel's, conjugate: it is not turned around
        made = angles[: LENGTH - taps + 1]
        cosines, sines = made.cos() / LENGTH, made.sin() / LENGTH
        if frequency in (0, LENGTH // 2):
            forward.append(real)
            kernel.append(p)
            backward.append(cosines)
            continue
        # (a + ib)(p + iq) = (a + b) p - b (p + q) + i ((a + b) p + a (q - p)); twice, for -frequency too
        forward += [real + imaginary, real, imaginary]
        kernel += [p, q - p, p + q]
        backward += [2 * (cosines - sines), -2 * sines, -2 * cosines]
    return torch.stack(forward), torch.stack(kernel), torch.stack(backward, dim=1)

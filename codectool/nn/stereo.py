"""Two channels as one sound: their mean and their difference, and which differences are heard."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from codectool.nn.convolution import Pointwise
from codectool.nn.gate import Columns
from codectool.nn.layer import Chain, Fork, Layer
from codectool.nn.spectra import PolarSpectrum

# A bin of the side that is 30 dB under the mid's moves a sound by a third of a decibel, and one as faint as
# 16-bit rounding noise is not heard at all. Both are left out: channels that are alike stay nearly so.
FAINTEST_TO_MID = math.log(10 ** (-30 / 20))
FAINTEST_LOG_MAGNITUDE = math.log(3e-5)


class MidSide(nn.Module):
    """Turns spectra of left and right, one after the other, into half their sum and half their difference."""

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=-1)
        return torch.cat((left + right, left - right), dim=-1) / 2


class LeftRight(nn.Module):
    """Turns spectra of mid and side, one after the other, into left and right: equal if the side is zero."""

    def forward(self, x: Tensor) -> Tensor:
        mid, side = x.chunk(2, dim=-1)
        return torch.cat((mid + side, mid - side), dim=-1)


class MidSidePolarSpectrum(nn.Module):
    """Turns log magnitudes and phases of mid and side `[..., 4 * bins]` into real and imaginary parts.

    The input holds the mid's log magnitudes and phases in radians, then the side's; the output the mid's real
    and imaginary parts, then the side's. Bins of the side that are too faint to be heard are zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.polar = PolarSpectrum()

    def forward(self, x: Tensor) -> Tensor:
        mid, side = x.float().chunk(2, dim=-1)
        spectra = self.polar(mid), self.polar(side)
        if torch.is_grad_enabled():  # a side that was left out in training could not learn to come back
            return torch.cat(spectra, dim=-1)
        faintest = (mid.chunk(2, dim=-1)[0] + FAINTEST_TO_MID).clamp(min=FAINTEST_LOG_MAGNITUDE)
        heard = (side.chunk(2, dim=-1)[0] >= faintest).to(mid.dtype)
        return torch.cat((spectra[0], spectra[1] * torch.cat((heard, heard), dim=-1)), dim=-1)


def for_each(columns: int, make: Callable[[], list[Layer]]) -> Layer:
    """Return layers for both channels apart, each of which has so many columns of the input."""
    halves = [Pointwise(Columns(first, first + columns)) for first in (0, columns)]
    return Fork([Chain([half, *make()]) for half in halves])

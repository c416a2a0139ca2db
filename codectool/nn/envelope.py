"""The envelope path: how loud each band of each frame is, told beside what a network paints.

What a network paints of the highs is more often too loud or too quiet than wrong in kind. So further levels
code the log magnitudes of bands, and the painted spectrum is brought nearer to them, by as much as numbers of
so few bits can be trusted. Below 2 kHz the course of the wave is painted too, which gains would break.

Bands are about as wide as those of hearing (Glasberg and Moore, 1990), or as a few bins.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise

import torch
from torch import Tensor, nn

from codectool.nn.spectra import LOG_MAGNITUDE_MAXIMUM

LOWEST_HZ = 2000
NARROWEST_BINS = 4
FLOOR = 3e-5  # magnitude of a bin, as faint as 16-bit rounding noise
SIDE_TO_MID = 10 ** (-30 / 20)  # a side that is fainter than this is not heard, nor told
MOST = 3.0  # natural log, of a correction: 26 dB
PRESENCE = 1  # number beside those of bands: the share of the path's levels that there are


def band_edges(bands: int, bins: int, sample_rate_hz: int) -> list[int]:
    """Return the first bin of each of at most so many bands, from `LOWEST_HZ` on, and the number of bins."""
    hertz = [number * sample_rate_hz / 2 / (bins - 1) for number in range(bins)]
    place = [math.log10(1 + 0.00437 * each) for each in hertz]  # as equivalent rectangular bandwidths lie
    first = bisect_left(hertz, LOWEST_HZ)
    edges = [first]
    for band in range(1, bands + 1):
        goal = place[first] + (place[-1] - place[first]) * band / bands
        edges.append(max(edges[-1] + NARROWEST_BINS, bisect_left(place, goal)))
    return [edge for edge in edges if edge < bins - NARROWEST_BINS] + [bins]


class _Bands(nn.Module):
    """What both directions need: which bins are which band's."""

    shares: Tensor

    def __init__(self, channels: int, edges: list[int]) -> None:
        super().__init__()
        self.channels, self.count = channels, len(edges) - 1
        shares = torch.zeros(edges[-1], self.count)
        for band, (first, last) in enumerate(pairwise(edges)):
            shares[first:last, band] = 1 / (last - first)
        self.register_buffer("shares", shares, persistent=False)

    def log_magnitudes(self, powers: list[Tensor], louder: Tensor | None = None) -> Tensor:
        """Return the natural log of each band's mean magnitude, channel by channel, of powers of bins.

        The second channel is the side; where it is too faint to be heard its bands are as loud as just heard.
        `louder` is taken off before: by how much, in natural log, painted bands are louder than they sound.
        """
        means = torch.cat([power @ self.shares for power in powers], dim=-1)
        if louder is not None:
            means = means * (-2 * louder).exp()
        if self.channels == 2:
            mid, side = means.chunk(2, dim=-1)
            means = torch.cat((mid, side + SIDE_TO_MID**2 * mid), dim=-1)
        return (means + FLOOR**2).log() / 2


class BandNumbers(_Bands):
    """Turns spectra `[..., channels * 2 * bins]` into the numbers of the path: of bands, and a one."""

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(2 * self.channels, dim=-1)
        powers = [real.square() + imag.square() for real, imag in zip(parts[::2], parts[1::2], strict=True)]
        logs = self.log_magnitudes(powers)
        return torch.cat((logs, torch.ones_like(logs[..., :PRESENCE])), dim=-1)


class CorrectedBands(_Bands):
    """Brings painted log magnitudes nearer to the numbers of bands.

    The input holds log magnitudes and phases of each channel, `[..., channels * 2 * bins]`, then the path's
    numbers; the output is the former, corrected. `trust` says for each number of levels, from none on, how
    much of a difference counts. `louder` says by how much painted bands are louder than they sound, natural
    log: frames that overlap cancel in part.
    """

    trust: Tensor
    louder: Tensor

    def __init__(self, channels: int, edges: list[int], levels: int) -> None:
        super().__init__(channels, edges)
        self.levels = levels
        numbers = channels * self.count
        self.register_buffer("trust", torch.zeros(levels + 1, numbers))
        self.register_buffer("louder", torch.zeros(numbers))

    def forward(self, x: Tensor) -> Tensor:
        numbers = self.channels * self.count + PRESENCE
        head, told = x[..., :-numbers].float(), x[..., -numbers:].float()
        parts = list(head.chunk(2 * self.channels, dim=-1))
        loudest = 2 * LOG_MAGNITUDE_MAXIMUM
        powers = [(2 * log_magnitude).clamp(max=loudest).exp() for log_magnitude in parts[::2]]
        painted = self.log_magnitudes(powers, self.louder)
        present = (told[..., -1] * self.levels).round().long().clamp(0, self.levels)
        lacking = self.trust[present] * (told[..., :-PRESENCE] - painted)
        gains = lacking.clamp(-MOST, MOST).chunk(self.channels, dim=-1)
        in_band = (self.shares > 0).to(head.dtype).T
        for channel, gain in enumerate(gains):
            parts[2 * channel] = parts[2 * channel] + gain @ in_band
        return torch.cat(parts, dim=-1)

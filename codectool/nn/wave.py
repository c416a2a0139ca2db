"""The wave path: what a matrix alone keeps of a sound, beside what a network paints.

A frame of the short-time Fourier transform, taken as the windowed samples it stands for, has a modified
discrete cosine transform (Princen, Johnson and Bradley, 1987) of half as many numbers. Its inverse, windowed
and overlapped once more, is the sound itself. So these numbers use the window and the overlap-add of
`nn.transform`, and their inverse is a spectrum that can be added to another one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from codectool.nn.fourier import inverse_real_fourier, real_fourier

PRE_EMPHASIS = 0.68  # of the weight a bin has: high bins are faint, and heard
QUIETEST = 1e-4  # loudness under which frames count as silence
MEAN_LOG_LOUDNESS = -5.0  # natural log, so that numbers are small
MAXIMUM_LOG_LOUDNESS = 5.0  # natural log; full scale has about 3
SCALE = 4.0  # of all numbers of the path, to bring them to the network's order of size
OTHERS = 2  # numbers beside the transform's: the log loudness, and by how much it is to be heard


def cosine_transform(hop: int, kept: int) -> Tensor:
    """Return `[2 * hop, kept]`: the transform's orthonormal cosines over a frame, from the lowest up."""
    # Angles are in units of pi / (4 * hop): whole turns are taken off as integers, for float32's precision.
    sample, place = torch.arange(2 * hop), torch.arange(kept)
    units = (2 * sample[:, None] + 1 + hop) * (2 * place + 1) % (8 * hop)
    return math.sqrt(2 / hop) * torch.cos(units.float() * (math.pi / (4 * hop)))


def emphasis(places: Tensor, hop: int) -> Tensor:
    """Return the weights of frequencies, which are `places` in units of bins of the spectrum."""
    return (1 + PRE_EMPHASIS**2 - 2 * PRE_EMPHASIS * torch.cos(math.pi / hop * places)).sqrt()


class _Transform(nn.Module):
    """What both directions need: the cosines and their weights."""

    cosines: Tensor
    weights: Tensor

    def __init__(self, hop: int, count: int) -> None:
        super().__init__()
        self.hop, self.kept = hop, count - OTHERS
        weights = SCALE * emphasis(torch.arange(self.kept) + 0.5, hop)
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("cosines", cosine_transform(hop, self.kept), persistent=False)

    def matrix(self) -> Tensor:
        """Return the cosines; in a traced graph they are computed, as they are too many to store."""
        return cosine_transform(self.hop, self.kept) if torch.compiler.is_exporting() else self.cosines


class WaveNumbers(_Transform):
    """Turn spectra `[..., 2 * (hop + 1)]` into the `count` numbers of the wave path.

    The first are the lowest of the cosine transform, weighted and divided by the frame's loudness; then come
    the natural log of that loudness, and a one.
    """

    bin_weights: Tensor

    def __init__(self, hop: int, count: int) -> None:
        super().__init__(hop, count)
        bins = emphasis(torch.arange(hop + 1), hop) * math.sqrt(2)  # both halves of the spectrum
        self.register_buffer("bin_weights", bins.repeat(2), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        if spectrum.shape[-2] == 0:  # no frames, of which torch refuses a transform
            return spectrum.new_zeros(*spectrum.shape[:-1], self.kept + OTHERS)
        power = (spectrum * self.bin_weights).square().sum(-1, keepdim=True)
        loudness = (power + QUIETEST**2).sqrt()
        shape = inverse_real_fourier(*spectrum.chunk(2, dim=-1)) @ self.matrix() * self.weights / loudness
        log_loudness = SCALE * (loudness.log() - MEAN_LOG_LOUDNESS)
        return torch.cat((shape, log_loudness, torch.ones_like(loudness)), dim=-1)


class WaveSpectrum(_Transform):
    """Turn the numbers of the wave path back into spectra `[..., 2 * (hop + 1)]`.

    Of numbers that are zero, as they are where no level of the path was coded, the spectrum is zero.
    """

    def forward(self, numbers: Tensor) -> Tensor:
        if numbers.shape[-2] == 0:
            return numbers.new_zeros(*numbers.shape[:-1], 2 * (self.hop + 1))
        shape = numbers[..., :-OTHERS] / self.weights * log_loudness_of(numbers).exp()
        return torch.cat(real_fourier(shape @ self.matrix().T), dim=-1)


def log_loudness_of(numbers: Tensor) -> Tensor:
    """Return the natural log of the loudness, `[..., 1]`, that numbers of the wave path tell."""
    return (numbers[..., -2:-1] / SCALE + MEAN_LOG_LOUDNESS).clamp(max=MAXIMUM_LOG_LOUDNESS)

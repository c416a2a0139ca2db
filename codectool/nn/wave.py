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

PRE_EMPHASIS = 0.68  # of the weight a bin has: high bins are faint, and heard
QUIETEST = 1e-4  # loudness under which frames count as silence
MEAN_LOG_LOUDNESS = -5.0  # natural log, so that numbers are small
SCALE = 4.0  # of all numbers of the path, to bring them to the network's order of size
OTHERS = 2  # numbers beside the transform's: the log loudness, and a one that says that the path is present


def cosine_transform(hop: int) -> Tensor:
    """Return `[hop, 2 * hop]`, float64: the cosines of the transform of `2 * hop` windowed samples."""
    time = torch.arange(2 * hop, dtype=torch.float64) + 0.5 + hop / 2
    frequency = torch.arange(hop, dtype=torch.float64) + 0.5
    return math.sqrt(2 / hop) * torch.cos(math.pi / hop * frequency[:, None] * time)


def spectrum_of_samples(hop: int) -> Tensor:
    """Return `[2 * hop, 2 * (hop + 1)]`, float64: the matrix from samples to real, then imaginary parts."""
    spectrum = torch.fft.rfft(torch.eye(2 * hop, dtype=torch.float64), norm="ortho")
    return torch.cat((spectrum.real, spectrum.imag), dim=1)


def samples_of_spectrum(hop: int) -> Tensor:
    """Return `[2 * (hop + 1), 2 * hop]`, float64: the matrix that undoes `spectrum_of_samples`."""
    bins = torch.eye(hop + 1, dtype=torch.float64)
    real, imaginary = (torch.fft.irfft(part * bins, norm="ortho") for part in (1, 1j))
    return torch.cat((real, imaginary))


def emphasis(places: Tensor, hop: int) -> Tensor:
    """Return the weights of frequencies, which are `places` in units of bins of the spectrum."""
    cosine = torch.cos(math.pi / hop * places.double())
    return (1 + PRE_EMPHASIS**2 - 2 * PRE_EMPHASIS * cosine).sqrt()


class WaveNumbers(nn.Module):
    """Turn spectra `[..., 2 * (hop + 1)]` into the `count` numbers of the wave path.

    The first are the lowest of the cosine transform, weighted and divided by the frame's loudness; then come
    the natural log of that loudness, and a one.
    """

    analysis: Tensor
    weights: Tensor

    def __init__(self, hop: int, count: int) -> None:
        super().__init__()
        kept = count - OTHERS
        weights = emphasis(torch.arange(kept) + 0.5, hop)
        analysis = samples_of_spectrum(hop) @ cosine_transform(hop)[:kept].T * weights
        self.register_buffer("analysis", (SCALE * analysis).float(), persistent=False)
        bins = emphasis(torch.arange(hop + 1), hop) * math.sqrt(2)  # both halves of the spectrum
        self.register_buffer("weights", bins.float().repeat(2), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        loudness = ((spectrum * self.weights).square().sum(-1, keepdim=True) + QUIETEST**2).sqrt()
        log_loudness = SCALE * (loudness.log() - MEAN_LOG_LOUDNESS)
        return torch.cat(
            (spectrum @ self.analysis / loudness, log_loudness, torch.ones_like(loudness)), dim=-1
        )


class WaveSpectrum(nn.Module):
    """Turn the numbers of the wave path back into spectra `[..., 2 * (hop + 1)]`.

    Of numbers that are zero, as they are where no level of the path was coded, the spectrum is zero.
    """

    synthesis: Tensor

    def __init__(self, hop: int, count: int) -> None:
        super().__init__()
        kept = count - OTHERS
        weights = emphasis(torch.arange(kept) + 0.5, hop)
        synthesis = cosine_transform(hop)[:kept] @ spectrum_of_samples(hop) / weights[:, None]
        self.register_buffer("synthesis", (synthesis / SCALE).float(), persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        waves: Tensor = numbers[..., :-OTHERS] @ self.synthesis
        return waves * log_loudness_of(numbers).exp()


def log_loudness_of(numbers: Tensor) -> Tensor:
    """Return the natural log of the loudness, `[..., 1]`, that numbers of the wave path tell."""
    return numbers[..., -2:-1].clamp(max=SCALE * 10) / SCALE + MEAN_LOG_LOUDNESS

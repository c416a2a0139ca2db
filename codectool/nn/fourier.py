"""The Fourier transform of real signals in orthonormal scale, which can be traced for engines without one.

Where a graph is traced (`torch.export`), it is two products with matrices: engines of such graphs have a fast
product, and of Fourier transforms a slow one or none.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def real_fourier(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts `[..., samples // 2 + 1]` of real `[..., samples]`, an even number."""
    if torch.compiler.is_exporting():
        samples = signal.shape[-1]
        half = samples // 2
        angles, scale = _angles(samples), samples**-0.5
        # Cosines are the same, and sines the opposite, at both ends of the signal: half the products do.
        ahead, behind = signal[..., 1:half], signal[..., half + 1 :].flip(-1)
        even = torch.cat((signal[..., :1], ahead + behind, signal[..., half : half + 1]), dim=-1)
        return even @ (angles.cos() * scale), (ahead - behind) @ (angles[1:half].sin() * -scale)
    spectrum = torch.fft.rfft(signal, norm="ortho")
    return spectrum.real, spectrum.imag


def inverse_real_fourier(real: Tensor, imaginary: Tensor) -> Tensor:
    """Return the real signal `[..., 2 * (bins - 1)]` of these parts of a spectrum `[..., bins]`."""
    if torch.compiler.is_exporting():
        half = real.shape[-1] - 1
        samples = 2 * half
        # All bins but the first and the last stand for two, for the other half mirrors them.
        inner = (torch.arange(half + 1) % half != 0).float()
        angles, scale = _angles(samples).T, ((1 + inner) * samples**-0.5)[:, None]
        even, odd = real @ (angles.cos() * scale), imaginary @ (angles[:, 1:half].sin() * scale)
        inside = even[..., 1:half]
        return torch.cat((even[..., :1], inside - odd, even[..., half:], (inside + odd).flip(-1)), dim=-1)
    signal: Tensor = torch.fft.irfft(torch.complex(real, imaginary), norm="ortho")
    return signal


def _angles(samples: int) -> Tensor:
    """Return the angle of every bin's wave at the samples of the first half, `[samples // 2 + 1, bins]`."""
    number = torch.arange(samples // 2 + 1)
    # Whole turns are taken off as integers: in float32 they would take precision from the rest.
    return (number[:, None] * number % samples).float() * (2 * math.pi / samples)

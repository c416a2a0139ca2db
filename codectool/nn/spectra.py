"""What a network takes of a spectrum, and how what it paints becomes one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MAGNITUDE_FLOOR = 1e-5  # far below 16-bit rounding noise, whose bins have a magnitude of about 1e-5
COMPRESSION = 0.3  # exponent for magnitudes, which brings loud and quiet bins to like sizes
LOG_MAGNITUDE_MAXIMUM = (
    5.0  # natural log; a full-scale sine reaches 2.1, so this only stops runaway exponents
)


class SpectralFeatures(nn.Module):
    """Compresses spectra `[..., 2 * bins]` to real, imaginary parts and log magnitudes `[..., 3 * bins]`."""

    def forward(self, spectrum: Tensor) -> Tensor:
        real, imaginary = spectrum.chunk(2, dim=-1)
        power = real.square() + imaginary.square() + MAGNITUDE_FLOOR**2
        log_power = power.log()
        gain = (log_power * ((COMPRESSION - 1) / 2)).exp()  # a power of the magnitude, for less than pow()
        log_magnitude = log_power * 0.1  # about -2.3 to 0.5, of the others' order of size
        return torch.cat((real * gain, imaginary * gain, log_magnitude), dim=-1)


class PolarSpectrum(nn.Module):
    """Turns log magnitudes and phases in radians `[..., 2 * bins]` into real and imaginary parts."""

    def forward(self, x: Tensor) -> Tensor:
        log_magnitude, phase = x.float().chunk(2, dim=-1)
        magnitude = log_magnitude.clamp(max=LOG_MAGNITUDE_MAXIMUM).exp()
        return torch.cat((magnitude * phase.cos(), magnitude * phase.sin()), dim=-1)

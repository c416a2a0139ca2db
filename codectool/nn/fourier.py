"""The Fourier transform of real signals in orthonormal scale, which can be traced for engines without one.

Where a graph is traced (`torch.export`), it is products with matrices: engines of such graphs have a fast
product, and of Fourier transforms a slow one or none. Long signals are folded first, as a fast transform
would: half the sums then need half as many products, and the matrices are small enough to be stored.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

DIRECT = 320  # half periods that one matrix sums


def real_fourier(signal: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary parts `[..., samples // 2 + 1]` of real `[..., samples]`, an even number."""
    if torch.compiler.is_exporting():
        samples = signal.shape[-1]
        half = samples // 2
        angles, scale = _angles(samples), samples**-0.5
        # Cosines are the same, and sines the opposite, at both ends of the signal: half the products do.
        ahead, behind = signal[..., 1:half], signal[..., half + 1 :].flip(-1)
        even = torch.cat((signal[..., :1], ahead + behind, signal[..., half : half + 1]), dim=-1)
        if half > DIRECT:
            return _cosine_sums(even) * scale, F.pad(_sine_sums(ahead - behind), (1, 1)) * -scale
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
        scale = (1 + inner) * samples**-0.5
        if half > DIRECT:
            even, odd = _cosine_sums(real * scale), _sine_sums((imaginary * scale)[..., 1:half])
        else:
            angles, scale = _angles(samples).T, scale[:, None]
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


def _cosine_sums(x: Tensor) -> Tensor:
    """Return the sums over n of `x[..., n] * cos(pi * k * n / last)` for k from 0 to the `last` n."""
    last = x.shape[-1] - 1
    if last <= DIRECT or last % 2:
        return x @ _waves(last, torch.arange(last + 1), torch.arange(last + 1)).cos()
    half = last // 2
    # Waves of an even k are the same, and of an odd one the opposite, at both ends.
    ahead, behind = x[..., :half], x[..., half + 1 :].flip(-1)
    even = _cosine_sums(torch.cat((ahead + behind, x[..., half : half + 1]), dim=-1))
    odd = (ahead - behind) @ _waves(last, torch.arange(half), 2 * torch.arange(half) + 1).cos()
    return torch.cat((_in_turn(even[..., :half], odd), even[..., half:]), dim=-1)


def _sine_sums(x: Tensor) -> Tensor:
    """Return the sums over n of `x[..., n - 1] * sin(pi * k * n / last)` for k and n from 1 to `last - 1`."""
    last = x.shape[-1] + 1
    if last <= DIRECT or last % 2:
        return x @ _waves(last, torch.arange(1, last), torch.arange(1, last)).sin()
    half = last // 2
    ahead, behind = x[..., : half - 1], x[..., half:].flip(-1)
    even = _sine_sums(ahead - behind)
    folded = torch.cat((ahead + behind, x[..., half - 1 : half]), dim=-1)
    odd = folded @ _waves(last, torch.arange(1, half + 1), 2 * torch.arange(half) + 1).sin()
    return torch.cat((_in_turn(odd[..., : half - 1], even), odd[..., half - 1 :]), dim=-1)


def _waves(last: int, samples: Tensor, numbers: Tensor) -> Tensor:
    """Return the angles `[samples, numbers]` of waves, of which the first has half a period up to `last`."""
    return (samples[:, None] * numbers % (2 * last)).float() * (math.pi / last)


def _in_turn(first: Tensor, second: Tensor) -> Tensor:
    """Return one of the first, one of the second, and so on, along the last axis."""
    return torch.stack((first, second), dim=-1).flatten(-2)

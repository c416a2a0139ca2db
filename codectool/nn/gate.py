"""How a wave and what a network paints become one spectrum: each bin by a gate."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.spectra import PolarSpectrum
from codectool.nn.wave import OTHERS, WaveSpectrum, emphasis, log_loudness_of

LOG_NOISE_MAXIMUM = 5.0  # natural log, relative to the loudness: a gate as good as shut
TONE_SHARE = 0.3  # of a frame's loudness in three adjacent bins: from about here on they may be a tone
VOICE_SHARE, VOICE_BINS = 1.5, 21.3  # more is asked of bins below 800 Hz, where voices have strong partials
HEARD = 0.7  # of a wave that is no tone: a mixture with what is painted is nearer to the sound than either
WAVE_EVIDENCE = 0.1  # of a wave's power, which is partly noise: a tone's is far above, a noise's is not
HINT_GAIN = 25.0  # before a log: numbers of the wave are about 0.3, and 4 where one is all of a frame


class Columns(nn.Module):
    """Takes some of the columns: `[..., first:last]`."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.first : self.last]


class WaveHints(nn.Module):
    """Turns the wave path's numbers, which come last, into sizes without signs, which a network can use."""

    def __init__(self, wave_dim: int) -> None:
        super().__init__()
        self.wave_dim = wave_dim

    def forward(self, x: Tensor) -> Tensor:
        others, numbers = x[..., : -self.wave_dim], x[..., -self.wave_dim :]
        sizes = torch.log1p(HINT_GAIN * numbers[..., :-OTHERS].abs()) / 2  # 0 to about 3
        return torch.cat((others, sizes, numbers[..., -OTHERS:] / 4), dim=-1)


class GatedSpectrum(nn.Module):
    """Adds the spectrum of the wave path to the one that the network paints, each bin by a gate.

    The input holds, for each bin: the painted log magnitudes and phases, which know nothing of the wave;
    then, from the blocks that know it, corrections of both, and the natural log of the noise, relative to the
    loudness. The wave path's numbers come last, of which the last is the share of its levels that there are.

    The gate is a Wiener filter's: the painted power and the wave's over the sum of both and the noise. It
    lets pass what stands out of the coding noise. It opens as well where few bins have most of the loudness.
    Of what it lets pass all of a tone is heard, and else a part. The rest is painted. Gate and corrections
    count by the share of the levels.
    """

    bin_weights: Tensor
    tone_shares: Tensor

    def __init__(self, hop: int, wave_dim: int) -> None:
        super().__init__()
        self.wave_dim = wave_dim
        self.polar = PolarSpectrum()
        self.wave = WaveSpectrum(hop, wave_dim)
        bins = torch.arange(hop + 1)
        self.register_buffer("bin_weights", emphasis(bins, hop).square(), persistent=False)
        voice_shares = VOICE_SHARE * torch.exp(-((bins / VOICE_BINS) ** 2))
        self.register_buffer("tone_shares", TONE_SHARE + voice_shares, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        head, numbers = x[..., : -self.wave_dim].float(), x[..., -self.wave_dim :].float()
        log_magnitude, phase, louder, turned, log_noise = head.chunk(5, dim=-1)
        present = numbers[..., -1:]  # by how much the wave is heard: the share of its levels that there are
        corrected = (log_magnitude + present * louder, phase + present * turned)
        painted, wave = self.polar(torch.cat(corrected, dim=-1)), self.wave(numbers)
        heard = _power(wave)
        power = _power(painted) + WAVE_EVIDENCE * heard
        # a limit without an edge: behind one, a gate could not learn to open again
        log_noise = LOG_NOISE_MAXIMUM - F.softplus(LOG_NOISE_MAXIMUM - log_noise)
        log_loudness = log_loudness_of(numbers)
        closed = 1 / (1 + power * (-log_noise - 2 * log_loudness).exp())
        share = _adjacent(heard * self.bin_weights) * (-2 * log_loudness).exp()
        tone = 1 - 1 / (1 + (share / self.tone_shares) ** 4)
        passed = 1 - closed / (1 + (share / TONE_SHARE) ** 4)
        gate = present * (HEARD + (1 - HEARD) * tone) * passed
        spectrum: Tensor = _both(1 - gate) * painted + _both(gate) * wave
        return spectrum


def _power(spectrum: Tensor) -> Tensor:
    """Return the power of each bin of real parts and imaginary ones."""
    real, imaginary = spectrum.square().chunk(2, dim=-1)
    return real + imaginary


def _adjacent(values: Tensor) -> Tensor:
    """Return the sum of each bin and its two neighbours."""
    padded = F.pad(values, (1, 1))
    return values + padded[..., :-2] + padded[..., 2:]


def _both(values: Tensor) -> Tensor:
    """Repeat values of bins for the real parts and the imaginary ones."""
    return torch.cat((values, values), dim=-1)

"""Losses for what noise is like, whichever it is: reconstruction losses leave it smooth, and buzzing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weights.recipe.losses import LOG_FLOOR, at_rate, power_spectra

# Windows and hops are in samples at REFERENCE_RATE_HZ, and as long in seconds at others.
TEXTURE_HOP = 320  # the model's, and how many places there are in it: coarser ones miss a buzz
TEXTURE_PLACES = 20
TEXTURE_BANDS_HZ = ((1500, 4000), (4000, 8000), (8000, 12_001), (4000, 12_001), (12_001, 24_001))
REPETITION_HOPS = 8  # how many hops back a repetition is looked for
REPETITION_FLOOR = 1e-5  # of a band's energy in a window: silence is like nothing
REPETITION_WINDOW, REPETITION_STRIDE = 6000, 3000  # about as long as a fricative
CONTRAST_WINDOWS = (256, 1024)  # a frame every half of one
CONTRAST_PATCH = (4, 16)  # frames and bins: 21 ms and 1.5 kHz, 85 ms and 375 Hz
RIPPLE_WINDOW = 1280  # bins half as wide as the model's
RIPPLE_SMOOTHING = 33  # bins, about 600 Hz
FAINTEST = 1e-4  # mean magnitude of a patch that counts


def bands_at(sample_rate_hz: int) -> list[tuple[int, int]]:
    """Return the lowest and the highest frequency of each band that there is at a rate."""
    return [band for band in TEXTURE_BANDS_HZ if band[0] < sample_rate_hz / 2]


def band_masks(frequencies_hz: Tensor, sample_rate_hz: int) -> Tensor:
    """Return `[bands, bins]`: which bins each band has."""
    bands = bands_at(sample_rate_hz)
    return torch.stack([(frequencies_hz >= low) & (frequencies_hz < high) for low, high in bands])


class TextureDistance(nn.Module):
    """How differently the power lies within a hop, over a batch, in four bands.

    Of each hop the shares of twenty places are taken, and of all hops the mean share of each place, which a
    buzz at the frame rate makes uneven, and the mean sum of the squared shares, which pulses in each hop make
    large. Distances are of their natural logs: what noise is like, not which it is.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.sample_rate_hz, self.hop = sample_rate_hz, at_rate(TEXTURE_HOP, sample_rate_hz)

    def shares(self, x: Tensor) -> Tensor:
        """Return `[bands, batch, hops, places]`, of sum one over the places, of `[batch, samples]`."""
        samples = x.shape[1] // self.hop * self.hop
        spectrum = torch.fft.rfft(x[:, :samples])
        frequencies_hz = torch.fft.rfftfreq(samples, 1 / self.sample_rate_hz, device=x.device)
        parts = torch.fft.irfft(spectrum * band_masks(frequencies_hz, self.sample_rate_hz)[:, None], samples)
        places = parts.unflatten(2, (samples // self.hop, TEXTURE_PLACES, -1))
        power = places.square().mean(4) + 1e-9
        return power / power.sum(3, keepdim=True)

    def forward(self, decoded: Tensor, reference: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.shares(reference)
        found = self.shares(decoded)
        places = [shares.mean((1, 2)).log() for shares in (found, target)]
        pulses = [shares.square().sum(3).mean((1, 2)).log() for shares in (found, target)]
        return (places[0] - places[1]).abs().mean() + (pulses[0] - pulses[1]).abs().mean()


class RepetitionDistance(nn.Module):
    """How differently like itself a sound is one to eight hops later, averaged over bands and windows.

    A decoder that cannot know the phases of noise may choose the same ones in every hop, and noise becomes a
    buzz of the frame rate's multiples, which are too close to each other for mel bands. What is compared is
    the magnitude of the normalised autocorrelation of each band's analytic signal, 0 to 1.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        window = at_rate(REPETITION_WINDOW, sample_rate_hz)
        self.stride = at_rate(REPETITION_STRIDE, sample_rate_hz)
        frequencies_hz = torch.fft.rfftfreq(window, 1 / sample_rate_hz)
        hops = torch.arange(REPETITION_HOPS + 1)  # the first is the power
        lags_s = at_rate(TEXTURE_HOP, sample_rate_hz) * hops / sample_rate_hz
        turns = 2 * torch.pi * frequencies_hz[:, None, None] * lags_s
        mask = band_masks(frequencies_hz, sample_rate_hz).T.float()[..., None]
        self.bands = mask.shape[1]
        self.register_buffer("cosines", (mask * turns.cos()).flatten(1))
        self.register_buffer("sines", (mask * turns.sin()).flatten(1))
        self.register_buffer("window", torch.hann_window(window))

    def likeness(self, x: Tensor) -> Tensor:
        """Return `[batch, windows, bands, lags]`, 0 to 1, of `[batch, samples]`."""
        power = power_spectra(x, self.window, self.stride)
        real, imaginary = (
            (power @ table).unflatten(2, (self.bands, -1)) for table in (self.cosines, self.sines)
        )
        magnitude = (real[..., 1:].square() + imaginary[..., 1:].square() + 1e-12).sqrt()
        return magnitude / (real[..., :1] + REPETITION_FLOOR)

    def forward(self, decoded: Tensor, reference: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.likeness(reference)
        return (self.likeness(decoded) - target).abs().mean()


class ContrastDistance(nn.Module):
    """Mean difference of the standard deviations of natural-log spectra within small patches.

    The distances above are least for a spectrum smoother than any noise has, since its peaks and gaps cannot
    be known. Here they must be as deep, wherever they lie. Source of the idea: Toda and Tokuda, A speech
    parameter generation algorithm considering global variance (2007).
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.windows = [at_rate(window, sample_rate_hz) for window in CONTRAST_WINDOWS]
        for window in self.windows:
            self.register_buffer(f"window_{window}", torch.hann_window(window))

    def moments(self, x: Tensor, window: int) -> tuple[Tensor, Tensor]:
        """Return means and variances in each patch of log magnitudes, of `[batch, samples]`."""
        power = power_spectra(x, getattr(self, f"window_{window}"), window // 2)
        log_power = (power + LOG_FLOOR**2).log()
        mean = F.avg_pool2d(log_power, CONTRAST_PATCH)
        variance = F.avg_pool2d(log_power.square(), CONTRAST_PATCH) - mean.square()
        return mean / 2, variance.clamp(min=0) / 4

    def forward(self, decoded: Tensor, reference: Tensor) -> Tensor:
        distances = []
        for window in self.windows:
            with torch.no_grad():
                mean, variance = self.moments(reference, window)
                heard = mean.exp() > FAINTEST
                contrast = (variance + 1e-3).sqrt()
            found = (self.moments(decoded, window)[1] + 1e-3).sqrt()
            distances.append(((found - contrast).abs() * heard).sum() / heard.sum().clamp(min=1))
        return torch.stack(distances).mean()


class RippleDistance(nn.Module):
    """How far mean natural-log spectra over a batch are apart, but for their course over wide bands.

    A decoder may give some bins of noise more than others, always the same ones, and colour all it makes.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(at_rate(RIPPLE_WINDOW, sample_rate_hz)))

    def mean_log(self, x: Tensor) -> Tensor:
        """Return the mean log magnitude of each bin over all frames of `[batch, samples]`."""
        power = power_spectra(x, self.window, len(self.window) // 2)
        return 0.5 * (power + LOG_FLOOR**2).log().mean((0, 1))

    def forward(self, decoded: Tensor, reference: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.mean_log(reference)
        difference = (self.mean_log(decoded) - target)[None, :-1]
        half = RIPPLE_SMOOTHING // 2
        course = F.avg_pool1d(difference, RIPPLE_SMOOTHING, 1, half, count_include_pad=False)
        return (difference - course).abs().mean()

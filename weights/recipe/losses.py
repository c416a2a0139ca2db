"""Reconstruction losses: log mel spectra at several scales, band envelopes, a distance in time."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Windows and hops are in samples at this rate, and as long in seconds at others.
REFERENCE_RATE_HZ = 24_000
SCALES = ((2048, 160), (1024, 96), (512, 64), (256, 32), (128, 16))  # (window, mel bands)
LOG_FLOOR = 1e-5
ENVELOPE_WINDOW, ENVELOPE_HOP, ENVELOPE_FFT = 640, 320, 1024
ENVELOPE_SPAN, ENVELOPE_STRIDE = 30, 5  # in frames: 0.4 s, as in STOI, and how far one span is from the next
LOWEST_BAND_HZ, THIRD_OCTAVE_BANDS = 150, 15  # as in STOI: the bands of 150 Hz to 3.8 kHz
LEAST_ENERGY = 1e-5  # of an envelope that counts
# Of the audible distance: its floor lies so far under the loudest band within 20 ms, and under that of the
# whole segment; bands above so many Hz count as louder, by 3 dB an octave: what is faint there is heard.
UNDER_NEAR, UNDER_SEGMENT = 10 ** (-50 / 20), 10 ** (-65 / 20)
BESIDE_SAMPLES = 480
EMPHASIS_HZ = 500
AUDIBLE = 1e-4  # of the energy of a segment's loudest band and span: others have nothing to understand


def at_rate(samples: int, sample_rate_hz: int) -> int:
    """Return how many samples last as long as so many at REFERENCE_RATE_HZ."""
    return round(samples * sample_rate_hz / REFERENCE_RATE_HZ)


def mel_of(frequency_hz: float) -> float:
    """Return a frequency on the mel scale."""
    return 2595 * math.log10(1 + frequency_hz / 700)


def mel_filters(window: int, bands: int, sample_rate_hz: int) -> Tensor:
    """Return triangular filters `[window // 2 + 1, bands]`, even on the mel scale, each of sum one."""
    nyquist_hz = sample_rate_hz / 2
    frequencies_hz = torch.linspace(0, nyquist_hz, window // 2 + 1, dtype=torch.float64)
    mels = torch.linspace(0, 1, bands + 2, dtype=torch.float64) * mel_of(nyquist_hz)
    edges_hz = 700 * (10 ** (mels / 2595) - 1)
    width_hz = torch.full((bands,), sample_rate_hz / window, dtype=torch.float64)  # at least one bin
    rising = (frequencies_hz[:, None] - edges_hz[:-2]) / torch.maximum(
        edges_hz[1:-1] - edges_hz[:-2], width_hz
    )
    falling = (edges_hz[2:] - frequencies_hz[:, None]) / torch.maximum(
        edges_hz[2:] - edges_hz[1:-1], width_hz
    )
    filters = torch.minimum(rising, falling).clamp(min=0)
    return (filters / filters.sum(dim=0).clamp(min=1e-3)).float()


def power_spectra(x: Tensor, window: Tensor, stride: int, fft_size: int | None = None) -> Tensor:
    """Return `[batch, frames, bins]` of `[batch, samples]`: the power of a windowed frame every `stride`."""
    frames = x.unfold(1, len(window), stride) * window
    spectrum = torch.fft.rfft(frames, n=fft_size, norm="ortho")
    return spectrum.real.square() + spectrum.imag.square()


class MelDistances(nn.Module):
    """How far mel spectra at several scales are from each other, by all that there is and by what is heard.

    Both are mean absolute differences of natural logs, averaged over the scales. `mel` goes down to
    LOG_FLOOR. `audible` has a floor that follows the reference, under which an ear hears nothing for what is
    louder beside it; `codectool.quality.mel.mel_distance_db` is another measure, in dB.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        # as many bands to the mel
        denser = mel_of(sample_rate_hz / 2) / mel_of(REFERENCE_RATE_HZ / 2)
        self.windows = [at_rate(window, sample_rate_hz) for window, _ in SCALES]
        self.beside_samples = at_rate(BESIDE_SAMPLES, sample_rate_hz)
        for window, (_, bands) in zip(self.windows, SCALES, strict=True):
            filters = mel_filters(window, round(bands * denser), sample_rate_hz)
            centres_hz = torch.linspace(0, sample_rate_hz / 2, len(filters)) @ filters
            self.register_buffer(f"window_{window}", torch.hann_window(window))
            self.register_buffer(f"filters_{window}", filters)
            self.register_buffer(f"emphasis_{window}", (1 + (centres_hz / EMPHASIS_HZ) ** 2) ** 0.25)

    def mel(self, x: Tensor, window: int) -> Tensor:
        """Return magnitudes `[batch, frames, bands]` of `[batch, samples]`; a frame every quarter window."""
        power = power_spectra(x, getattr(self, f"window_{window}"), window // 4)
        magnitudes: Tensor = (power + LOG_FLOOR**2).sqrt() @ getattr(self, f"filters_{window}")
        return magnitudes

    def floor(self, emphasised: Tensor, window: int) -> Tensor:
        """Return under which magnitude nothing is heard in each frame of emphasised spectra."""
        beside = max(1, self.beside_samples // (window // 4))  # frames on either side
        loudest = emphasised.amax(2, keepdim=True).transpose(1, 2)
        near = F.max_pool1d(loudest, 2 * beside + 1, 1, beside).transpose(1, 2)
        ever = emphasised.amax((1, 2), keepdim=True)
        return torch.maximum(UNDER_NEAR * near, UNDER_SEGMENT * ever).clamp(min=LOG_FLOOR)

    def forward(self, decoded: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """Return both distances of sounds `[batch, samples]`."""
        distances: dict[str, list[Tensor]] = {"mel": [], "audible": []}
        for window in self.windows:
            emphasis = getattr(self, f"emphasis_{window}")
            with torch.no_grad():
                wanted = self.mel(reference, window)
                floor = self.floor(wanted * emphasis, window)
            found = self.mel(decoded, window)
            distances["mel"].append((found.log() - wanted.log()).abs().mean())
            heard = (found * emphasis + floor).log() - (wanted * emphasis + floor).log()
            distances["audible"].append(heard.abs().mean())
        return {name: torch.stack(values).mean() for name, values in distances.items()}


class EnvelopeDistance(nn.Module):
    """One minus the correlation of band envelopes over 0.4 s, averaged over bands and spans.

    Source: Taal et al., An algorithm for intelligibility prediction of time-frequency weighted noisy speech
    (2011), equation 5, without its clipping and its choice of frames.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.hop, self.fft = (at_rate(samples, sample_rate_hz) for samples in (ENVELOPE_HOP, ENVELOPE_FFT))
        frequencies_hz = torch.fft.rfftfreq(self.fft, 1 / sample_rate_hz)[:, None]
        centres_hz = LOWEST_BAND_HZ * 2 ** (torch.arange(THIRD_OCTAVE_BANDS) / 3)
        low_hz, high_hz = centres_hz / 2 ** (1 / 6), centres_hz * 2 ** (1 / 6)
        self.register_buffer("bands", ((frequencies_hz >= low_hz) & (frequencies_hz < high_hz)).float())
        self.register_buffer("window", torch.hann_window(at_rate(ENVELOPE_WINDOW, sample_rate_hz)))

    def envelopes(self, x: Tensor) -> Tensor:
        """Return `[batch, spans, bands, frames]`, each of zero mean, of `[batch, samples]`."""
        energy = power_spectra(x, self.window, self.hop, self.fft) @ self.bands
        spans = (energy + 1e-8).sqrt().unfold(1, ENVELOPE_SPAN, ENVELOPE_STRIDE)
        return spans - spans.mean(-1, keepdim=True)

    def forward(self, decoded: Tensor, reference: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.envelopes(reference)
            energy = target.square().sum(-1)
            audible = (energy > AUDIBLE * energy.amax((1, 2), keepdim=True)) & (energy > LEAST_ENERGY)
        found = self.envelopes(decoded)
        # each length has its own floor: of a product of them, a quiet copy would fall short
        lengths = (found.square().sum(-1) + 1e-9).sqrt() * energy.clamp(min=LEAST_ENERGY).sqrt()
        correlation = (found * target).sum(-1) / lengths
        distances = ((1 - correlation) * audible).sum((1, 2)) / audible.sum((1, 2)).clamp(min=1)
        return distances.mean()


def relative_distance(decoded: Tensor, reference: Tensor) -> Tensor:
    """Return for each of the batch the mean absolute difference in time over the mean absolute value.

    Without it the decoder's waveform never locks to the input; the small constant keeps silence finite.
    """
    difference = (decoded - reference).abs().mean(dim=1)
    return difference / (reference.abs().mean(dim=1) + 1e-3)

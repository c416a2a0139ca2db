"""Random changes to training segments, so that few hours of audio stand for more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weights.recipe.data import Corpus
from weights.recipe.signals import draw_signal

Segment = NDArray[np.float32]  # [channels, samples]

NOISE_SHARE = 0.06  # segments that are noise, which few recordings hold alone: hiss, rain, wind
SIGNAL_SHARE = 0.15  # segments that are tones and the like, as they are
MIX_SHARE = 0.2  # segments that are two sources at once
NOISE_UNDER_SHARE = 0.15  # of those mixed
SPEECH_OVER_MUSIC_SHARE = 0.4  # of those mixed
FILTER_SHARE = 0.3  # segments with a tilt or a band limit
GAIN_SHARE = 0.7  # segments whose level is changed
CLICKS_SHARE = 0.02
SILENCE_SHARE = 0.03  # digital silence or near it, whole or in part
BAND_LIMITS_HZ = (3400, 5500, 8000, 10_000, 12_000, 16_000, 20_000)
# of segments of two channels
ALIKE_SHARE = 0.15  # whose channels are made equal
WIDTH_SHARE, WIDEST = 0.3, 1.7  # whose side is changed, up to so many times itself
BALANCE_SHARE, BALANCE_DB = 0.3, 9.0  # whose channels are made unequally loud, each by up to so much


def draw_batch(
    corpus: Corpus, rng: np.random.Generator, count: int, length_samples: int
) -> NDArray[np.float32]:
    """Return `[count, channels, samples]` of augmented training audio."""
    return np.stack([_segment(corpus, rng, length_samples) for _ in range(count)])


def _segment(corpus: Corpus, rng: np.random.Generator, length_samples: int) -> Segment:
    if rng.random() < SIGNAL_SHARE:
        signal = draw_signal(rng, length_samples, corpus.sample_rate_hz)
        return _placed(rng, np.stack([signal] * corpus.channels))
    noise = rng.random() < NOISE_SHARE
    segment = _noise(corpus, rng, length_samples) if noise else _drawn(corpus, rng, length_samples)
    if rng.random() < MIX_SHARE:
        segment = _mix(corpus, rng, segment)
    if rng.random() < FILTER_SHARE:
        segment = _filter(rng, segment, corpus.sample_rate_hz)
    if rng.random() < GAIN_SHARE:
        segment = segment * _gain(rng.uniform(-24, 0))
    if rng.random() < CLICKS_SHARE:
        positions = rng.integers(0, length_samples, rng.integers(1, 6))
        segment[:, positions] += rng.uniform(-0.8, 0.8, len(positions)).astype(np.float32)
    if rng.random() < SILENCE_SHARE:
        segment[:, rng.integers(0, length_samples) :] *= np.float32(rng.choice([0.0, 1e-4]))
    peak = np.abs(segment).max()
    return (segment / peak if peak > 1 else segment).astype(np.float32)


def _drawn(corpus: Corpus, rng: np.random.Generator, length_samples: int, kind: str | None = None) -> Segment:
    return _placed(rng, corpus.draw(rng, length_samples, kind))


def _placed(rng: np.random.Generator, segment: Segment) -> Segment:
    """Return two channels with another place in the room; one channel stays as it is."""
    if len(segment) == 1:
        return segment
    if rng.random() < ALIKE_SHARE:
        return np.repeat(segment.mean(axis=0, keepdims=True), 2, axis=0)
    left, right = segment if rng.random() < 0.5 else segment[::-1]
    if rng.random() < WIDTH_SHARE:
        mid, side = (left + right) / 2, (left - right) / 2 * np.float32(rng.uniform(0, WIDEST))
        left, right = mid + side, mid - side
    if rng.random() < BALANCE_SHARE:
        left, right = (channel * _gain(rng.uniform(-BALANCE_DB, 0)) for channel in (left, right))
    return np.stack((left, right))


def _mix(corpus: Corpus, rng: np.random.Generator, segment: Segment) -> Segment:
    length_samples = segment.shape[1]
    if rng.random() < NOISE_UNDER_SHARE:
        return segment + _noise(corpus, rng, length_samples) * _gain(rng.uniform(-30, -10))
    if rng.random() < SPEECH_OVER_MUSIC_SHARE:
        speech, music = (_drawn(corpus, rng, length_samples, kind) for kind in ("speech", "music"))
        return speech + music * _gain(rng.uniform(-20, 0))
    return segment + _drawn(corpus, rng, length_samples) * _gain(rng.uniform(-20, 0))


def _noise(corpus: Corpus, rng: np.random.Generator, length_samples: int) -> Segment:
    """Return noise of some colour with an RMS of 0.1, of which channels have a part in common."""
    spectra = np.fft.rfft(rng.standard_normal((corpus.channels, length_samples)))
    spectra[1:] += rng.uniform(-1, 3) * spectra[0]
    spectra *= _tilt(rng.uniform(-6, 2), length_samples, corpus.sample_rate_hz)
    noise = np.fft.irfft(spectra, length_samples)
    return (0.1 * noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


def _filter(rng: np.random.Generator, segment: Segment, sample_rate_hz: int) -> Segment:
    length_samples = segment.shape[1]
    spectrum = np.fft.rfft(segment)
    if rng.random() < 0.5:
        spectrum *= _tilt(rng.uniform(-3, 3), length_samples, sample_rate_hz)
    else:  # a band limit, like that of audio resampled from a lower rate
        frequencies_hz = np.fft.rfftfreq(length_samples, 1 / sample_rate_hz)
        limits_hz = [limit_hz for limit_hz in BAND_LIMITS_HZ if limit_hz < sample_rate_hz / 2]
        spectrum[:, frequencies_hz > rng.choice(limits_hz)] = 0
    return np.fft.irfft(spectrum, length_samples).astype(np.float32)


def _tilt(decibels_an_octave: float, length_samples: int, sample_rate_hz: int) -> NDArray[np.float64]:
    """Return gains for the bins of a spectrum, of one at 1 kHz."""
    frequencies_hz = np.fft.rfftfreq(length_samples, 1 / sample_rate_hz)
    octaves: NDArray[np.float64] = np.log2(np.maximum(frequencies_hz, 50) / 1000)
    return 10 ** (decibels_an_octave * octaves / 20)


def _gain(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))

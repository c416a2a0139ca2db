"""Random changes to training segments, so that few hours of audio stand for more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weights.recipe.data import SAMPLE_RATE_HZ, Corpus
from weights.recipe.signals import draw_signal

NOISE_SHARE = 0.06  # segments that are noise, which few recordings hold alone: hiss, rain, wind
SIGNAL_SHARE = 0.15  # segments that are tones and the like, as they are
MIX_SHARE = 0.2  # segments that are two sources at once
NOISE_UNDER_SHARE = 0.15  # of those mixed
SPEECH_OVER_MUSIC_SHARE = 0.4  # of those mixed
FILTER_SHARE = 0.3  # segments with a tilt or a band limit
GAIN_SHARE = 0.7  # segments whose level is changed
CLICKS_SHARE = 0.02
SILENCE_SHARE = 0.03  # digital silence or near it, whole or in part


def draw_batch(
    corpus: Corpus, rng: np.random.Generator, count: int, length_samples: int
) -> NDArray[np.float32]:
    """Return `[count, length_samples]` of augmented training audio."""
    return np.stack([_segment(corpus, rng, length_samples) for _ in range(count)])


def _segment(corpus: Corpus, rng: np.random.Generator, length_samples: int) -> NDArray[np.float32]:
    if rng.random() < SIGNAL_SHARE:
        return draw_signal(rng, length_samples)
    noise = rng.random() < NOISE_SHARE
    segment = _noise(rng, length_samples) if noise else corpus.draw(rng, length_samples)
    if rng.random() < MIX_SHARE:
        segment = _mix(corpus, rng, segment)
    if rng.random() < FILTER_SHARE:
        segment = _filter(rng, segment)
    if rng.random() < GAIN_SHARE:
        segment = segment * _gain(rng.uniform(-24, 0))
    if rng.random() < CLICKS_SHARE:
        positions = rng.integers(0, length_samples, rng.integers(1, 6))
        segment[positions] += rng.uniform(-0.8, 0.8, len(positions)).astype(np.float32)
    if rng.random() < SILENCE_SHARE:
        segment[rng.integers(0, length_samples) :] *= np.float32(rng.choice([0.0, 1e-4]))
    peak = np.abs(segment).max()
    return (segment / peak if peak > 1 else segment).astype(np.float32)


def _mix(corpus: Corpus, rng: np.random.Generator, segment: NDArray[np.float32]) -> NDArray[np.float32]:
    length_samples = len(segment)
    if rng.random() < NOISE_UNDER_SHARE:
        return segment + _noise(rng, length_samples) * _gain(rng.uniform(-30, -10))
    if rng.random() < SPEECH_OVER_MUSIC_SHARE:
        speech, music = (corpus.draw(rng, length_samples, kind) for kind in ("speech", "music"))
        return speech + music * _gain(rng.uniform(-20, 0))
    return segment + corpus.draw(rng, length_samples) * _gain(rng.uniform(-20, 0))


def _noise(rng: np.random.Generator, length_samples: int) -> NDArray[np.float32]:
    """Return noise of some colour with an RMS of 0.1."""
    spectrum = np.fft.rfft(rng.standard_normal(length_samples))
    spectrum *= _tilt(rng.uniform(-6, 2), length_samples)
    noise = np.fft.irfft(spectrum, length_samples)
    return (0.1 * noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


def _filter(rng: np.random.Generator, segment: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(segment)
    if rng.random() < 0.5:
        spectrum *= _tilt(rng.uniform(-3, 3), len(segment))
    else:  # a band limit, like that of audio resampled from a lower rate
        frequencies_hz = np.fft.rfftfreq(len(segment), 1 / SAMPLE_RATE_HZ)
        spectrum[frequencies_hz > rng.choice([3400, 5500, 8000, 10000])] = 0
    return np.fft.irfft(spectrum, len(segment)).astype(np.float32)


def _tilt(decibels_an_octave: float, length_samples: int) -> NDArray[np.float64]:
    """Return gains for the bins of a spectrum, of one at 1 kHz."""
    frequencies_hz = np.fft.rfftfreq(length_samples, 1 / SAMPLE_RATE_HZ)
    octaves: NDArray[np.float64] = np.log2(np.maximum(frequencies_hz, 50) / 1000)
    return 10 ** (decibels_an_octave * octaves / 20)


def _gain(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))

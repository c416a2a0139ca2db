"""Made-up signals which recordings hardly hold alone: tones, sweeps, beeps, constants, square waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
LOWEST_HZ, HIGHEST_SHARE = 60.0, 0.96  # of half the sample rate
QUIETEST_DB = -46.0  # of the peak, under full scale


def draw_signal(rng: np.random.Generator, length_samples: int, rate_hz: int) -> Samples:
    """Return one random signal, with a peak between QUIETEST_DB and full scale."""
    make = MAKERS[rng.choice(len(MAKERS), p=SHARES)]
    signal = make(rng, length_samples, rate_hz)
    return (signal * 10 ** (rng.uniform(QUIETEST_DB, 0) / 20) / np.abs(signal).max()).astype(np.float32)


def tone(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return a sine; half of them of a pitch even on a log scale, half of a frequency even in hertz."""
    return _sine(rng, np.full(length_samples, _frequency_hz(rng, rate_hz)), rate_hz)


def sweep(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return a sine that glides from one frequency to another."""
    ends_hz = _frequency_hz(rng, rate_hz), _frequency_hz(rng, rate_hz)
    return _sine(rng, np.geomspace(*ends_hz, length_samples), rate_hz)


def chord(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return two to four pitches with up to twelve partials each, which fall off and do not move."""
    total = np.zeros(length_samples)
    for _ in range(rng.integers(1, 5)):
        pitch_hz, fall = rng.uniform(80, 1200), rng.uniform(0.3, 2.0)
        for partial in range(1, rng.integers(2, 13)):
            if partial * pitch_hz < HIGHEST_SHARE * rate_hz / 2:
                total += _sine(rng, np.full(length_samples, partial * pitch_hz), rate_hz) / partial**fall
    return total


def beeps(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return a sine that is switched on and off, with edges of 2 to 20 ms."""
    period, on = int(rng.uniform(0.1, 0.6) * rate_hz), rng.uniform(0.2, 0.8)
    edge = int(rng.uniform(0.002, 0.02) * rate_hz)
    places = (np.arange(length_samples) + rng.integers(period)) % period
    inside = np.minimum(places, on * period - places)
    return tone(rng, length_samples, rate_hz) * np.clip(inside / edge, 0, 1) + 1e-9


def constant(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return a constant of either sign, or one that steps to another."""
    signal = np.full(length_samples, rng.uniform(-1, 1))
    if rng.random() < 0.5:
        signal[rng.integers(length_samples) :] = rng.uniform(-1, 1)
    return signal + 1e-9


def square(rng: np.random.Generator, length_samples: int, rate_hz: int) -> NDArray[np.float64]:
    """Return a square wave of up to 1 kHz, without the partials above half the sample rate."""
    pitch_hz = 40 * 25 ** rng.random()
    phase = 2 * np.pi * (pitch_hz * np.arange(length_samples) / rate_hz + rng.random())
    partials = range(1, int(rate_hz / 2 / pitch_hz) + 1, 2)
    total: NDArray[np.float64] = np.sum([np.sin(partial * phase) / partial for partial in partials], axis=0)
    return total


def _frequency_hz(rng: np.random.Generator, rate_hz: int) -> float:
    highest_hz = HIGHEST_SHARE * rate_hz / 2
    if rng.random() < 0.5:
        return float(rng.uniform(LOWEST_HZ, highest_hz))
    return float(LOWEST_HZ * (highest_hz / LOWEST_HZ) ** rng.random())


def _sine(rng: np.random.Generator, frequencies_hz: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    turns = np.cumsum(frequencies_hz) / rate_hz + rng.random()
    sine: NDArray[np.float64] = np.sin(2 * np.pi * turns)
    return sine


MAKERS: tuple[Callable[[np.random.Generator, int, int], NDArray[np.float64]], ...] = (
    tone,
    sweep,
    chord,
    beeps,
    constant,
    square,
)
SHARES = (0.4, 0.15, 0.2, 0.1, 0.05, 0.1)

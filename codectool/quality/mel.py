"""The multi-scale mel distance, in numpy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codectool.quality.signals import Signal

SCALES = 5
SHORTEST_WINDOW_S = 0.005  # shows attacks; each scale doubles it, up to 80 ms, which resolves pitch
FEWEST_BANDS = 10  # with the shortest window; doubles too, so that every band spans a bin at any scale
FLOOR_DB = -80.0  # of a full-scale sine: differences below it are not heard
BLOCK_FRAMES = 4096  # bounds the memory, however long the recording

Matrix = NDArray[np.float64]


def mel_distance_db(reference: Signal, decoded: Signal, rate_hz: int) -> float | None:
    """Measure the mean absolute difference of log mel spectra in dB, 0 for identical signals.

    The mean runs over bands up to half of `rate_hz`, frames and SCALES window lengths. None for empty
    signals. Source: the multi-scale mel loss of Kumar et al., "High-Fidelity Audio Compression with
    Improved RVQGAN", 2023, here with windows in seconds so that it means the same at any rate, and in dB.
    """
    if not len(reference):
        return None
    distances_db = []
    for scale in range(SCALES):
        window_samples = round(SHORTEST_WINDOW_S * 2**scale * rate_hz)
        bands = mel_filterbank(FEWEST_BANDS * 2**scale, window_samples, rate_hz)
        distances_db.append(_distance_db(reference, decoded, window_samples, bands))
    return float(np.mean(distances_db))


def mel_filterbank(bands: int, window_samples: int, rate_hz: int) -> Matrix:
    """Build triangular mel bands [bins, bands] from 0 to half the rate, each with weights of sum 1.

    Bands too narrow to hold a bin are left out. Source: O'Shaughnessy's mel scale, 2595 lg(1 + f / 700 Hz).
    """
    bins_hz = np.fft.rfftfreq(window_samples, 1 / rate_hz)
    top_mel = 2595 * np.log10(1 + rate_hz / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top_mel, bands + 2) / 2595) - 1)
    low_hz, centre_hz, high_hz = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz[:, None] - low_hz) / (centre_hz - low_hz)
    falling = (high_hz - bins_hz[:, None]) / (high_hz - centre_hz)
    weights = np.maximum(0, np.minimum(rising, falling))
    weights = weights[:, weights.sum(axis=0) > 0]
    normalised: Matrix = weights / weights.sum(axis=0)
    return normalised


def _distance_db(reference: Signal, decoded: Signal, window_samples: int, bands: Matrix) -> float:
    hop_samples = max(1, window_samples // 4)
    frames = max(1, -(-(len(reference) - window_samples) // hop_samples) + 1)
    total_db = 0.0
    for first in range(0, frames, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, frames - first)
        start = first * hop_samples
        stop = start + (count - 1) * hop_samples + window_samples
        levels_db = [
            _mel_levels_db(signal[start:stop], count, window_samples, hop_samples, bands)
            for signal in (reference, decoded)
        ]
        total_db += float(np.abs(levels_db[0] - levels_db[1]).sum())
    return total_db / (frames * int(bands.shape[1]))


def _mel_levels_db(
    block: Signal, frames: int, window_samples: int, hop_samples: int, bands: Matrix
) -> Matrix:
    """Levels [frames, bands] in dB of a full-scale sine; a block that ends early goes on with zeros."""
    needed = (frames - 1) * hop_samples + window_samples
    padded = np.pad(block.astype(np.float64), (0, needed - len(block)))
    window = np.hanning(window_samples + 1)[:-1]
    framed = np.lib.stride_tricks.sliding_window_view(padded, window_samples)[::hop_samples] * window
    sine_power = (window.sum() / 2) ** 2  # of a full-scale sine, in its bin
    power = np.abs(np.fft.rfft(framed)) ** 2 / sine_power
    levels: Matrix = 10 * np.log10(np.maximum(power @ bands, 10 ** (FLOOR_DB / 10)))
    return levels

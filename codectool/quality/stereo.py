"""What is scored of two channels: each of them, and the side signal, which is half their difference."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from codectool.audio.pcm import Block
from codectool.quality.metrics import METRICS, Metric, Scores, score, visqol
from codectool.quality.signals import Signal

OCTAVES_HZ = tuple(1000 * 2.0**octave for octave in range(-4, 5))  # centres, 62.5 Hz to 16 kHz
SIDE_FLOOR_DB = -60.0  # of full scale, as a mean square; a band with less of the side is not looked at
# A source that is 1 dB louder in one channel, about the least that is heard, has a side 25 dB below the mid.
SIDE_AUDIBLE_DB = -25.0
LOST_FLOOR_DB = -100.0  # a decoded band with less holds nothing: 16-bit samples have as much noise
LEVEL_ERROR_LIMIT_DB = 40.0  # what a side counts as that is lost altogether; tables need finite numbers
WINDOW_S = 0.25  # 4 Hz between bins, for a band from 44 to 88 Hz
VISQOL_LOWEST = 1.0
SIDE_LEVEL = "side_level_error_db"  # key of the mean error, beside which the largest stands

Levels = NDArray[np.float64]


def mid_side(audio: Block) -> tuple[Signal, Signal]:
    """Return half the sum and half the difference of two channels `[2, samples]`."""
    left, right = audio
    return (left + right) / 2, (left - right) / 2


def octave_levels_db(signal: Signal, rate_hz: int) -> Levels:
    """Return the mean square in dB of full scale in each of OCTAVES_HZ, minus infinity for silence."""
    window_samples = round(WINDOW_S * rate_hz)
    window = np.hanning(window_samples + 1)[:-1]
    power = np.zeros(window_samples // 2 + 1)
    weight = 0.0
    for start in range(0, max(1, len(signal) - window_samples // 2), window_samples // 2):
        piece = signal[start : start + window_samples]
        power += np.abs(np.fft.rfft(piece * window[: len(piece)], window_samples)) ** 2
        weight += float(np.sum(window[: len(piece)] ** 2))
    power *= 2 / (window_samples * weight)
    edges_hz = [OCTAVES_HZ[0] / 2**0.5, *(centre_hz * 2**0.5 for centre_hz in OCTAVES_HZ)]
    bins = np.searchsorted(np.fft.rfftfreq(window_samples, 1 / rate_hz), edges_hz)
    with np.errstate(divide="ignore"):
        levels: Levels = 10 * np.log10([power[first:last].sum() for first, last in pairwise(bins)])
    return levels


def side_level_errors_db(reference: Block, decoded: Block, rate_hz: int) -> Levels:
    """Return the error of the side-to-mid level in each of OCTAVES_HZ, in dB: above 0 is too wide.

    Both are `[2, samples]`. A band counts where the reference's side is above SIDE_FLOOR_DB and not more than
    -SIDE_AUDIBLE_DB below the mid; others are nan. Errors are held to ±LEVEL_ERROR_LIMIT_DB, and a side of
    which the decoded band holds nothing has -LEVEL_ERROR_LIMIT_DB.
    """
    mid_db, side_db, coded_mid_db, coded_side_db = (
        octave_levels_db(signal, rate_hz) for audio in (reference, decoded) for signal in mid_side(audio)
    )
    with np.errstate(invalid="ignore"):  # of silence less silence
        errors_db = (coded_side_db - coded_mid_db) - (side_db - mid_db)
    errors_db[coded_side_db < LOST_FLOOR_DB] = -LEVEL_ERROR_LIMIT_DB
    errors_db[(side_db < SIDE_FLOOR_DB) | (side_db < mid_db + SIDE_AUDIBLE_DB)] = np.nan
    held: Levels = np.clip(errors_db, -LEVEL_ERROR_LIMIT_DB, LEVEL_ERROR_LIMIT_DB)
    return held


def side_level_error_db(reference: Block, decoded: Block, rate_hz: int) -> float | None:
    """Return the mean size of `side_level_errors_db` over the bands that count; None where none does."""
    errors_db = side_level_errors_db(reference, decoded, rate_hz)
    return None if np.isnan(errors_db).all() else float(np.nanmean(np.abs(errors_db)))


def side_level_error_max_db(reference: Block, decoded: Block, rate_hz: int) -> float | None:
    """Return the largest size of `side_level_errors_db`; None where no band counts."""
    errors_db = side_level_errors_db(reference, decoded, rate_hz)
    return None if np.isnan(errors_db).all() else float(np.nanmax(np.abs(errors_db)))


def visqol_side(reference: Block, decoded: Block, rate_hz: int) -> float | None:
    """Score the side signal by ViSQOL; where nothing of it is left that is VISQOL_LOWEST.

    None where the reference's side has no band above SIDE_FLOOR_DB, and for less than about a second.
    """
    side, coded_side = (mid_side(audio)[1] for audio in (reference, decoded))
    if np.max(octave_levels_db(side, rate_hz)) < SIDE_FLOOR_DB:
        return None
    if np.max(octave_levels_db(coded_side, rate_hz)) < LOST_FLOOR_DB:
        return VISQOL_LOWEST
    return visqol(side, coded_side, rate_hz)


def equal_channels(reference: Block, decoded: Block, rate_hz: int) -> float | None:
    """Tell whether two channels that were the same came back the same, to the last bit: 1 or 0.

    None where they were not the same.
    """
    return float(np.array_equal(*decoded)) if np.array_equal(*reference) else None


STEREO_METRICS = (  # of audio `[2, samples]`
    Metric("visqol_side", "side ViSQOL", 2, visqol_side, "visqol", "visqol-python"),
    Metric(SIDE_LEVEL, "side dB", 1, side_level_error_db),
    Metric("side_level_error_max_db", "side max dB", 1, side_level_error_max_db),
    Metric("equal_channels", "equal", 2, equal_channels),
)
ALL_METRICS = (*METRICS, *STEREO_METRICS)


def score_channels(reference: Block, decoded: Block, rate_hz: int, keys: Iterable[str]) -> Scores:
    """Compute the metrics of these keys for `[channels, samples]`: means of channels, and of two the side.

    A channel that a metric is not defined for does not count in its mean.
    """
    wanted = set(keys)
    stereo = len(reference) == 2
    alike = stereo and all(np.array_equal(*audio) for audio in (reference, decoded))
    channels = list(zip(reference, decoded, strict=True))[: 1 if alike else None]  # one tells what both would
    each = [score(one, other, rate_hz, wanted) for one, other in channels]
    scores = {key: _mean([one[key] for one in each]) for key in each[0]}
    if stereo:
        for metric in STEREO_METRICS:
            if metric.key in wanted:
                scores[metric.key] = metric.measure(reference, decoded, rate_hz)
    return scores


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None

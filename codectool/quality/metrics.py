"""Objective quality metrics, each a function of (reference, decoded, rate_hz).

Both signals are mono arrays [samples] of equal length and full scale ±1. A metric answers None where it is
not defined for the signals: PESQ and STOI want speech, ViSQOL about a second of sound, SI-SDR some energy
in both. PESQ, STOI and ViSQOL come from packages of their own, imported only when used.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from codectool.quality.mel import mel_distance_db
from codectool.quality.signals import Signal, resample

Scores = dict[str, float | None]

SPEECH_RATE_HZ = 16_000  # the rate PESQ-wb is defined at, and the one STOI is given here
VISQOL_RATE_HZ = 48_000  # the rate of ViSQOL's audio mode
PESQ_PIECE_S = 20  # P.862's code has room for 50 utterances, and 0.4 s is the least one takes with its pause
STOI_SHORTEST_S = 0.4  # 30 frames of 256 samples, half overlapping, at its 10 kHz
SI_SDR_LIMIT_DB = 100.0  # beyond it float32 audio says nothing, and tables need finite numbers


def pesq_wb(reference: Signal, decoded: Signal, rate_hz: int) -> float | None:
    """Score speech quality by wide-band PESQ: MOS-LQO, 1.0 to 4.64.

    Recordings over PESQ_PIECE_S are scored in equal pieces and averaged, leaving out pieces without speech.
    None where no piece has speech, or under 0.25 s. Source: ITU-T P.862.2, by the package `pesq`.
    """
    package: Any = importlib.import_module("pesq")
    if is_silent(reference) or is_silent(decoded):
        return None
    reference, decoded = (resample(signal, rate_hz, SPEECH_RATE_HZ) for signal in (reference, decoded))
    pieces = max(1, -(-len(reference) // (PESQ_PIECE_S * SPEECH_RATE_HZ)))  # of no samples one of none
    scores = []
    for piece in zip(np.array_split(reference, pieces), np.array_split(decoded, pieces), strict=True):
        if any(is_silent(signal) for signal in piece):
            continue
        try:
            scores.append(float(package.pesq(SPEECH_RATE_HZ, *piece, "wb")))
        except (package.NoUtterancesError, package.BufferTooShortError, ValueError):
            continue  # ValueError: nothing is left of the piece in the band of speech
    return float(np.mean(scores)) if scores else None


def stoi(reference: Signal, decoded: Signal, rate_hz: int) -> float | None:
    """Score speech intelligibility by STOI, 0 to 1.

    None for silence, and where under STOI_SHORTEST_S is left when pauses are taken out. Source: Taal et
    al., "An Algorithm for Intelligibility Prediction of Time-Frequency Weighted Noisy Speech", 2011, by the
    package `pystoi`.
    """
    package: Any = importlib.import_module("pystoi")
    if is_silent(reference) or len(reference) < STOI_SHORTEST_S * rate_hz:
        return None
    reference, decoded = (resample(signal, rate_hz, SPEECH_RATE_HZ) for signal in (reference, decoded))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # how pystoi says that too few frames are left
            return float(package.stoi(reference, decoded, SPEECH_RATE_HZ))
    except RuntimeWarning:
        return None


def visqol(reference: Signal, decoded: Signal, rate_hz: int) -> float | None:
    """Score the quality of any audio by ViSQOL's audio mode: MOS-LQO, 1 to 4.73 (two identical signals).

    None for silence and for less than about a second. Source: Chinen et al., "ViSQOL v3: An Open Source
    Production Ready Objective Speech and Audio Metric", 2020, by the package `visqol-python`.
    """
    scorer = _visqol_scorer()
    if is_silent(reference) or is_silent(decoded):
        return None
    reference, decoded = (resample(signal, rate_hz, VISQOL_RATE_HZ) for signal in (reference, decoded))
    try:
        return float(scorer.measure_from_arrays(reference, decoded, VISQOL_RATE_HZ).moslqo)
    except ValueError:  # too few samples for one patch of its spectrogram
        return None


def si_sdr_db(reference: Signal, decoded: Signal, rate_hz: int) -> float | None:
    """Measure the scale-invariant signal-to-distortion ratio in dB, held to ±SI_SDR_LIMIT_DB.

    A constant offset is taken out of both first: no ear hears it, and codecs drop it. None where either
    signal is silent. Source: Le Roux et al., "SDR - half-baked or well done?", 2019.
    """
    if is_silent(reference) or is_silent(decoded):
        return None
    exact, noisy = (signal - np.mean(signal, dtype=np.float64) for signal in (reference, decoded))
    if is_silent(exact) or is_silent(noisy):
        return None
    target = exact * (np.dot(noisy, exact) / np.dot(exact, exact))
    distortion = noisy - target
    with np.errstate(divide="ignore"):
        ratio_db = 10 * (np.log10(np.dot(target, target)) - np.log10(np.dot(distortion, distortion)))
    return float(np.clip(ratio_db, -SI_SDR_LIMIT_DB, SI_SDR_LIMIT_DB))


def is_silent(signal: Signal) -> bool:
    """Tell whether a signal is empty or digital silence throughout."""
    return not np.any(signal)


@lru_cache(maxsize=1)
def _visqol_scorer() -> Any:
    package: Any = importlib.import_module("visqol")
    scorer = package.VisqolApi()
    scorer.create(mode="audio")
    return scorer


@dataclass(frozen=True)
class Metric:
    """A metric as tables name it: `key` in data, `title` for people, with the digits worth showing.

    `module` is what it needs to import, `distribution` what that is called when installed; None for our own.
    `for_speech` says that it is made for speech and means little elsewhere.
    """

    key: str
    title: str
    digits: int
    measure: Callable[[Signal, Signal, int], float | None]  # of signals [samples], or as the table says
    module: str | None = None
    distribution: str | None = None
    for_speech: bool = False


METRICS = (
    Metric("pesq_wb", "PESQ-wb", 2, pesq_wb, "pesq", "pesq", for_speech=True),
    Metric("stoi", "STOI", 3, stoi, "pystoi", "pystoi", for_speech=True),
    Metric("visqol", "ViSQOL", 2, visqol, "visqol", "visqol-python"),
    Metric("si_sdr_db", "SI-SDR dB", 1, si_sdr_db),
    Metric("mel_distance_db", "mel dB", 2, mel_distance_db),
)


def available_metrics(metrics: Iterable[Metric] = METRICS) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Find which metrics can be computed here.

    Returns `(keys, notes)`: the keys of those that can, and one line for each that cannot, with the remedy.
    """
    keys, notes = [], []
    for metric in metrics:
        try:
            if metric.module:
                importlib.import_module(metric.module)
            keys.append(metric.key)
        except ImportError:
            remedy = "pip install 'codectool[eval]'"
            notes.append(f"{metric.title} left out: package {metric.distribution} is missing ({remedy})")
    return tuple(keys), tuple(notes)


def score(reference: Signal, decoded: Signal, rate_hz: int, keys: Iterable[str]) -> Scores:
    """Compute the metrics of these keys: key to value, None where a metric is not defined for the signals."""
    wanted = set(keys)
    return {
        metric.key: metric.measure(reference, decoded, rate_hz) for metric in METRICS if metric.key in wanted
    }

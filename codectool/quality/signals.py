"""Audio as the metrics see it: mono mixes, or both channels, at one rate and in step with each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from codectool.audio.mix import mix_to_mono, to_channels
from codectool.audio.pcm import Block
from codectool.audio.source import open_source
from codectool.errors import DataError

Signal = NDArray[np.floating[Any]]

LENGTH_TOLERANCE_S = 1.0  # codecs pad or lose a frame or a packet at the end, never more than a second
LAG_BLOCK_SAMPLES = 1 << 18  # correlated at once, so that memory does not grow with the recording
STEREO = 2  # channels
LAG_LIMIT_S = 0.1  # the longest delay a codec is expected to leave uncorrected


@dataclass(frozen=True)
class Recording:
    """Audio `[channels, samples]`, its rate, and what had to be said about reading it."""

    audio: Block
    rate_hz: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A reference and its decoded version: `[channels, samples]` alike, and of the same rate.

    `notes` says in words what had to be done to make them so.
    """

    reference: Block
    decoded: Block
    rate_hz: int
    notes: tuple[str, ...] = ()


def read_audio(path: Path, stereo: bool = False) -> Recording:
    """Read an audio file as the mean of its channels; with `stereo` two channels are kept.

    Raises FileError where it cannot be read, and DataError where it is not audio or holds none.
    """
    if path.suffix == ".ecdc":
        raise DataError(f"{path}: is encoded; decode it first: codec decode {path}")
    with open_source(path) as source:
        kept = stereo and source.channels == STEREO
        blocks = [block if kept else mix_to_mono(block) for block in source.blocks()]
    if not blocks:
        raise DataError(f"{path}: holds no audio at all")
    notes = [*source.notes, *source.warnings]
    if stereo and source.channels > STEREO:
        notes.append(f"{source.channels} channels are mixed to one")
    return Recording(np.concatenate(blocks, axis=1), source.rate_hz, tuple(notes))


def resample(audio: Signal, from_hz: int, to_hz: int) -> Signal:
    """Resample `[samples]` or `[channels, samples]` with soxr at its very high quality."""
    if from_hz == to_hz:
        return audio
    resampled: Signal = soxr.resample(audio.T, from_hz, to_hz, quality="VHQ").T
    return resampled


def lag_samples(reference: Signal, decoded: Signal, limit_samples: int) -> int:
    """Find how many samples `decoded` comes after `reference`, by the peak of their cross-correlation.

    Both are [samples]; the answer is in -limit_samples to limit_samples, 0 where one of them is silent.
    """
    limit = max(0, min(limit_samples, len(reference) - 1, len(decoded) - 1))
    correlation = np.zeros(2 * limit + 1)
    size = 1 << (LAG_BLOCK_SAMPLES + 2 * limit).bit_length()  # no wrap-around, and fast to transform
    for first in range(0, len(reference), LAG_BLOCK_SAMPLES):
        block = reference[first : first + LAG_BLOCK_SAMPLES]
        before = max(0, limit - first)
        around = decoded[max(0, first - limit) : first + len(block) + limit]
        spectrum = np.fft.rfft(np.pad(around, (before, 0)), size) * np.conj(np.fft.rfft(block, size))
        correlation += np.fft.irfft(spectrum, size)[: 2 * limit + 1]
    lags = np.arange(-limit, limit + 1)
    near_first = np.argsort(np.abs(lags), kind="stable")  # on a tie the smallest lag is the answer
    return int(lags[near_first[np.argmax(correlation[near_first])]])


def shift(decoded: Signal, lag: int) -> Signal:
    """Undo a lag: drop the first `lag` samples, or put `-lag` zeros before the first."""
    silence = np.zeros((*decoded.shape[:-1], max(0, -lag)), decoded.dtype)
    return np.concatenate([silence, decoded[..., max(0, lag) :]], axis=-1)


def read_pair(reference_path: Path, decoded_path: Path, align: bool = False, stereo: bool = False) -> Pair:
    """Read a reference and its decoded version; bring that to the first one's channels, rate and length.

    With `align` a constant delay of up to LAG_LIMIT_S is taken out; without it, it is only noted. Tails are
    cut to the shorter of the two. Raises FileError and DataError as `read_audio` does, and DataError where
    the lengths differ by more than LENGTH_TOLERANCE_S.
    """
    original, coded = read_audio(reference_path, stereo), read_audio(decoded_path, stereo)
    reference, rate_hz = original.audio, original.rate_hz
    decoded = to_channels(resample(coded.audio, coded.rate_hz, rate_hz), len(reference))
    notes = [*original.notes, *coded.notes]
    if len(coded.audio) < len(reference):
        notes.append("the decoded audio is mono, and taken for both channels")
    if coded.rate_hz != rate_hz:
        notes.append(f"decoded audio resampled from {coded.rate_hz} to {rate_hz} Hz")
    if abs(decoded.shape[1] - reference.shape[1]) > LENGTH_TOLERANCE_S * rate_hz:
        raise DataError(
            f"{decoded_path}: lasts {decoded.shape[1] / rate_hz:.2f} s and its reference {reference_path} "
            f"{reference.shape[1] / rate_hz:.2f} s: they are not the same recording"
        )
    mixes = mix_to_mono(reference)[0], mix_to_mono(decoded)[0]
    lag = lag_samples(*mixes, round(LAG_LIMIT_S * rate_hz))
    if lag and align:
        decoded = shift(decoded, lag)
        notes.append(f"a lag of {lag} samples was taken out")
    elif lag:
        notes.append(f"the decoded audio lags by {lag} samples, which SI-SDR feels most: see `align`")
    longer = decoded.shape[1] - reference.shape[1]
    if longer:
        notes.append(f"cut to the shorter: lengths differ by {longer:+d} samples")
    length = min(reference.shape[1], decoded.shape[1])
    return Pair(reference[:, :length], decoded[:, :length], rate_hz, tuple(notes))

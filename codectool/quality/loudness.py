"""Loudness as ITU-R BS.1770-4 measures it, of one excerpt as a whole."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from codectool.audio.pcm import Block

BLOCK_S = 0.4
STEP_S = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_DB = -0.691  # of BS.1770, so that a 997 Hz sine at full scale in one channel is -3.01 LKFS

Powers = NDArray[np.float64]


def loudness_lufs(audio: Block, rate_hz: int) -> float | None:
    """Return the gated loudness of `[channels, samples]` in LUFS; None for silence and for under 0.4 s."""
    powers = _block_powers(audio, rate_hz)
    kept = _gate(powers)
    return _lufs(powers[kept]) if kept.any() else None


def gain_db_to_match(reference: Block, decoded: Block, rate_hz: int) -> float:
    """Return the gain in dB that makes `decoded` as loud as `reference`; 0 where one of them has no loudness.

    Both are `[channels, samples]` of the same excerpt. The blocks that count are those that count in the
    reference, so that a codec's noise in the pauses does not turn its speech down.
    """
    ours, theirs = (_block_powers(audio, rate_hz) for audio in (reference, decoded))
    kept = _gate(ours)
    if not kept.any() or not theirs[kept].mean() > 0:
        return 0.0
    return _lufs(ours[kept]) - _lufs(theirs[kept])


def _lufs(powers: Powers) -> float:
    return float(OFFSET_DB + 10 * np.log10(powers.mean()))


def _gate(powers: Powers) -> NDArray[np.bool_]:
    """Tell which blocks are neither near silence nor far below the others."""
    with np.errstate(divide="ignore"):
        loudness = OFFSET_DB + 10 * np.log10(powers)
    audible = loudness > ABSOLUTE_GATE_LUFS
    if not audible.any():
        return audible
    kept: NDArray[np.bool_] = audible & (loudness > _lufs(powers[audible]) + RELATIVE_GATE_LU)
    return kept


def _block_powers(audio: Block, rate_hz: int) -> Powers:
    """Mean squares of K-weighted blocks of BLOCK_S every STEP_S, the channels added."""
    block, step = round(BLOCK_S * rate_hz), round(STEP_S * rate_hz)
    if audio.shape[1] < block:
        return np.zeros(0)
    padded = 1 << (audio.shape[1] + rate_hz).bit_length()  # the filters' tails do not come round to the start
    spectrum = np.fft.rfft(audio.astype(np.float64), padded) * _k_weighting(padded, rate_hz)
    weighted = np.fft.irfft(spectrum, padded)[:, : audio.shape[1]]
    sums = np.concatenate(([0.0], np.cumsum((weighted**2).sum(axis=0))))
    starts = np.arange(0, audio.shape[1] - block + 1, step)
    powers: Powers = np.maximum(sums[starts + block] - sums[starts], 0) / block
    return powers


def _k_weighting(samples: int, rate_hz: int) -> NDArray[np.complex128]:
    """Response at the bins of an rfft of so many samples: a high shelf and a high pass.

    Their parameters are those behind BS.1770's coefficients for 48 kHz, so that any rate may be used.
    """
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(samples))  # one sample later
    k, quality = np.tan(np.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = [high + band * k / quality + k**2, 2 * (k**2 - high), high - band * k / quality + k**2]
    response = Polynomial(shelf)(z) / Polynomial(_poles(k, quality))(z)
    k, quality = np.tan(np.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    poles = _poles(k, quality)
    weighting: NDArray[np.complex128] = response * Polynomial([1, -2, 1])(z) / Polynomial(poles)(z) * poles[0]
    return weighting


def _poles(k: float, quality: float) -> list[float]:
    return [1 + k / quality + k**2, 2 * (k**2 - 1), 1 - k / quality + k**2]

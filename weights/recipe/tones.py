"""Whether simple signals come back: `python -m weights.recipe.tones WEIGHTS`.

Sines, a constant and square waves are coded, and what comes back is compared in the middle second of two. The
table (`--out`) has for each signal and number of levels:

- gain_db: how much stronger the tone is, within 60 Hz of its frequency (of other signals: all of it);
- other_db: the strongest other line, over the tone: what was invented (none for other signals);
- peak_ratio: the largest absolute sample over the original's.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.export import load_codec
from weights.recipe.validation import mono_by_levels

TABLE = Path(__file__).parents[1] / "training" / "tones.csv"
FREQUENCIES_HZ = (100, 220, 440, 1000, 2000, 3000, 4000, 6000, 8000, 10_000, 11_000, 13_000, 16_000, 20_000)
AMPLITUDES = (0.005, 0.05, 0.5, 0.9)
CONSTANT, SQUARE, SQUARES_HZ = 0.5, 1.0, (110, 440, 1000)
TONE_HZ, OTHER_HZ = 60, 150  # a tone is as wide as this on either side; other lines are at least so far away
HEADER = ["signal", "frequency_hz", "amplitude", "levels", "gain_db", "other_db", "peak_ratio"]


def signals(rate_hz: int) -> Iterator[tuple[str, float, float, Tensor]]:
    """Yield name, frequency in hertz, amplitude and two seconds `[1, samples]` of each signal."""
    seconds = torch.arange(2 * rate_hz, dtype=torch.float64)[None] / rate_hz
    for frequency_hz in [frequency_hz for frequency_hz in FREQUENCIES_HZ if frequency_hz < rate_hz / 2]:
        sine = torch.sin(2 * math.pi * frequency_hz * seconds + 0.3)
        for amplitude in AMPLITUDES:
            yield "sine", frequency_hz, amplitude, (amplitude * sine).float()
    yield "constant", 0, CONSTANT, torch.full_like(seconds, CONSTANT).float()
    for frequency_hz in SQUARES_HZ:
        square = torch.sign(torch.sin(2 * math.pi * frequency_hz * seconds + 0.3))
        yield "square", frequency_hz, SQUARE, (SQUARE * square).float()


def middle(audio: Tensor) -> Tensor:
    """Return the middle second, `[samples]`, of two seconds `[1, samples]`."""
    quarter = audio.shape[1] // 4
    return audio[0, quarter:-quarter]


def lines(audio: Tensor) -> Tensor:
    """Return the power of each hertz from 0 to half the sample rate, of one second `[samples]`."""
    power: Tensor = torch.fft.rfft(audio * torch.hann_window(len(audio))).abs().square()
    return power + 1e-9


def decibels(ratio: Tensor) -> float:
    """Return a ratio of powers in decibels."""
    return 10 * math.log10(max(float(ratio), 1e-12))


def compared(name: str, frequency_hz: float, original: Tensor, decoded: Tensor) -> tuple[float, float, float]:
    """Return gain, strongest other line (both in decibels) and peak ratio of a decoded `[1, samples]`."""
    one, other = middle(original), middle(decoded)
    peak_ratio = float(other.abs().max() / one.abs().max())
    if name != "sine":
        return decibels(other.square().sum() / one.square().sum()), math.nan, peak_ratio
    away_hz = (torch.arange(len(one) // 2 + 1) - frequency_hz).abs()
    tone, others = away_hz <= TONE_HZ, away_hz >= OTHER_HZ
    found = lines(other)
    gain_db = decibels(found[tone].sum() / lines(one)[tone].sum())
    return gain_db, decibels(found[others].max() / lines(one)[tone].max()), peak_ratio


@torch.inference_mode()
def rows_of(codec: SpectralCodec) -> list[list[str]]:
    """Return the table's rows of one model."""
    rows = []
    for name, frequency_hz, amplitude, audio in signals(codec.config.sample_rate_hz):
        for levels, (decoded,) in mono_by_levels(codec, [audio]):
            gain_db, other_db, peak_ratio = compared(name, frequency_hz, audio, decoded)
            told = [name, f"{frequency_hz:g}", f"{amplitude:g}", str(levels)]
            rows.append([*told, f"{gain_db:.1f}", f"{other_db:.1f}", f"{peak_ratio:.2f}"])
    return rows


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    with arguments.out.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows_of(load_codec(arguments.weights))])
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()

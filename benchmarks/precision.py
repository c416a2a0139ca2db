"""What bfloat16 products do to codes and to scores: `python -m benchmarks.precision FOLDER`.

Every recording of the folder is coded in float32 and in bfloat16 by the shipped weights, and scored against
the original. The table has the mean of each score in float32, the standard error of that mean, and the mean
and standard error of the difference, recording by recording. Needs `pip install '.[eval]'`.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np

from benchmarks.machine import write_table
from codectool.audio.mix import mix_to_mono
from codectool.audio.resample import Resampler
from codectool.audio.source import open_source
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.quality.mel import mel_distance_db
from codectool.quality.metrics import pesq_wb, si_sdr_db, stoi
from codectool.sessions.streaming import DecoderSession, EncoderSession

METRICS = {"pesq_wb": pesq_wb, "stoi": stoi, "si_sdr_db": si_sdr_db, "mel_distance_db": mel_distance_db}
LEVELS = (2, 8, 32)
TABLE = Path(__file__).with_suffix(".csv")


def read(path: Path, rate_hz: int) -> np.ndarray:
    """Return a recording as mono `[1, samples]` of that rate."""
    with open_source(path) as source:
        audio = mix_to_mono(np.concatenate(list(source.blocks()), axis=1))
    resampler = Resampler(source.rate_hz, rate_hz, 1)
    return np.concatenate([resampler.push(audio), resampler.finish()], axis=1)


def coded(model: LoadedModel, audio: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes `[levels, frames]` and what they sound like, `[samples]`."""
    encoder, decoder = EncoderSession(model, levels), DecoderSession(model)
    codes = np.concatenate([encoder.push(audio), encoder.finish()], axis=1)
    sound = np.concatenate([decoder.push(codes), decoder.finish()], axis=1)
    return codes, sound[0, : audio.shape[1]]


def mean_and_error(values: list[float]) -> list[float]:
    """Return the mean of values and its standard error."""
    return [round(statistics.mean(values), 4), round(statistics.stdev(values) / len(values) ** 0.5, 4)]


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    paths = sorted(path for path in parser.parse_args().folder.iterdir() if path.is_file())
    exact, rounded = (load("base_24khz", precision=name) for name in ("float32", "bfloat16"))
    table: list[list[object]] = [["levels", "figure", "float32", "error", "bfloat16_less_float32", "error"]]
    for levels in LEVELS:
        scores: dict[str, list[tuple[float, float]]] = {name: [] for name in METRICS}
        changed: list[float] = []
        for path in paths:
            audio = read(path, exact.entry.sample_rate_hz)
            (codes, sound), (other_codes, other_sound) = (
                coded(model, audio, levels) for model in (exact, rounded)
            )
            changed.append(float((codes != other_codes).mean()))
            for name, metric in METRICS.items():
                pair = tuple(metric(audio[0], s, exact.entry.sample_rate_hz) for s in (sound, other_sound))
                if pair[0] is not None and pair[1] is not None:
                    scores[name].append((pair[0], pair[1]))
        table.append([levels, "share_of_codes_changed", "", "", *mean_and_error(changed)])
        for name, pairs in scores.items():
            differences = mean_and_error([second - first for first, second in pairs])
            table.append([levels, name, *mean_and_error([first for first, _ in pairs]), *differences])
    write_table(TABLE, table, f"; {len(paths)} recordings, weights {exact.fingerprint.hex()}")
    for row in table:
        print(*row)


if __name__ == "__main__":
    main()

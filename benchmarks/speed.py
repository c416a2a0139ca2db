"""Time, processor time and memory of whole processes by length: `python -m benchmarks.speed`.

From a mono WAV file at 24 kHz to a file, and back. What starting takes is measured on a file of one sample,
and left out in the last column: it should be the same at every length. Best on a quiet machine, where wall
time counts; processor time is less troubled by others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import write_table
from codectool.audio.resample import Resampler
from codectool.audio.sink import open_sink
from codectool.audio.source import open_source

RATE_HZ = 24_000
SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
TABLE = Path(__file__).with_suffix(".csv")
SHORT_S = 120  # below, the median of several rounds
HEAD = ["audio_s", "way", "wall_s", "core_s", "peak_mib", "times_real_time", "core_ms_a_second_without_start"]


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall_s: float
    core_s: float
    peak_mib: float


def write_speech(path: Path, seconds: float) -> None:
    """Write the example's speech again and again, until it is so long."""
    with open_source(SPEECH) as source:
        speech = np.concatenate(list(source.blocks()), axis=1)[:1]
    resampler = Resampler(source.rate_hz, RATE_HZ, 1)
    speech = np.concatenate([resampler.push(speech), resampler.finish()], axis=1)
    left_samples = max(1, round(seconds * RATE_HZ))
    with open_sink(path, rate_hz=RATE_HZ, channels=1, overwrite=True) as sink:
        while left_samples:
            piece = speech[:, :left_samples]
            sink.write(piece)
            left_samples -= piece.shape[1]


def cost(*arguments: str) -> Cost:
    """Run Python with these arguments and return what it took."""
    return process_cost(sys.executable, *arguments)


def process_cost(*arguments: str) -> Cost:
    """Run a program with these arguments and return what it took; what it started must have ended."""
    started_s = time.perf_counter()
    process = os.posix_spawnp(arguments[0], arguments, os.environ)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(arguments)}: failed")
    wall_s = time.perf_counter() - started_s
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median_cost(rounds: int, *arguments: str) -> Cost:
    """Return the median of several runs, each figure by itself."""
    costs = [cost(*arguments) for _ in range(rounds)]
    return Cost(
        *(statistics.median(getattr(c, name) for c in costs) for name in ("wall_s", "core_s", "peak_mib"))
    )


def measure(folder: Path, seconds: float, rounds: int, starts: dict[str, Cost]) -> list[list[object]]:
    """Return the table's lines of one length."""
    recording, coded, back = (str(folder / name) for name in ("in.wav", "a.ecdc", "back.wav"))
    write_speech(Path(recording), seconds)
    lines: list[list[object]] = []
    for way, source, target in (("encode", recording, coded), ("decode", coded, back)):
        one = median_cost(
            rounds if seconds < SHORT_S else 1, "-m", "codectool", way, source, target, "-q", "-f"
        )
        start = starts.setdefault(way, one)
        ms = 1000 * (one.core_s - start.core_s) / seconds if seconds else ""
        lines.append(
            [
                seconds,
                way,
                round(one.wall_s, 2),
                round(one.core_s, 2),
                round(one.peak_mib),
                round(seconds / one.wall_s, 1),
                round(ms, 2) if ms else "",
            ]
        )
        print(*lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", default="10,60,600,3600,36000", help="lengths, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch = median_cost(arguments.rounds, "-c", "import torch")
    table = [
        HEAD,
        [0, "import torch", round(torch.wall_s, 2), round(torch.core_s, 2), round(torch.peak_mib), "", ""],
    ]
    starts: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (0.0, *(float(text) for text in arguments.seconds.split(","))):
            table += measure(Path(folder), seconds, arguments.rounds, starts)
    write_table(TABLE, table, f"; 6 kbps, medians of {arguments.rounds} below {SHORT_S} s, else one run")


if __name__ == "__main__":
    main()

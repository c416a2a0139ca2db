"""What many short files cost beside one long one, and what a second worker gains.

`python -m benchmarks.batch --count 2000`, on a quiet machine. Every round encodes a folder of short
files with one worker, then one file of the same total length, then the folder with two workers. What starting
takes (Python, torch, the model) is measured on a folder of one very short file; the ratios are given with it
and without. Ratios are of single rounds, and the table has the median of each figure.

Workers have one thread each. On PyTorch they encode up to 8 short files together: those of like length share
a pass through the network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import write_table
from codectool.audio.sink import open_sink

RATE_HZ = 24_000
SHORT_S = 3
WAYS = {"start": ("start", 1), "short": ("short", 1), "long": ("long", 1), "short_2_jobs": ("short", 2)}
TABLE = Path(__file__).with_suffix(".csv")


def write_recordings(folder: Path, count: int) -> None:
    """Write the short files, the long one that is all of them in a row, and the very short one."""
    for name in ("short", "long", "start"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    with open_sink(folder / "long" / "all.wav", rate_hz=RATE_HZ, channels=1) as long:
        for number in range(count):
            level = 0.1 * (1 + np.sin(number / 7))
            noise = (level * rng.standard_normal((1, SHORT_S * RATE_HZ))).astype(np.float32)
            long.write(noise)
            with open_sink(folder / "short" / f"{number:06}.wav", rate_hz=RATE_HZ, channels=1) as short:
                short.write(noise)
    with open_sink(folder / "start" / "one.wav", rate_hz=RATE_HZ, channels=1) as start:
        start.write(np.zeros((1, 1), np.float32))


def encode(source: Path, jobs: int) -> tuple[float, float]:
    """Encode a folder by a command of its own; return its time and that of all its processes on any core."""
    target = source.with_name("coded")
    shutil.rmtree(target, ignore_errors=True)
    started_s = time.perf_counter()
    arguments = ["-m", "codectool", "encode", str(source), str(target), "-q", f"--jobs={jobs}"]
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(arguments)}: failed")
    return time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime


def measure(folder: Path) -> dict[str, float]:
    """Return the figures of one round."""
    figures = {}
    for way, (source, jobs) in WAYS.items():
        figures[f"{way}_wall_s"], figures[f"{way}_core_s"] = encode(folder / source, jobs)
    for unit in ("wall", "core"):
        short_s, long_s, start_s = (figures[f"{way}_{unit}_s"] for way in ("short", "long", "start"))
        figures[f"short_to_long_{unit}"] = short_s / long_s
        figures[f"short_to_long_{unit}_without_start"] = (short_s - start_s) / (long_s - start_s)
    figures["gain_of_2_jobs"] = figures["short_wall_s"] / figures["short_2_jobs_wall_s"]
    return figures


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="number of short files")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_recordings(Path(name), arguments.count)
        rounds = [measure(Path(name)) for _ in range(arguments.rounds)]
    audio_s = arguments.count * SHORT_S
    rows: list[list[object]] = [["figure", "median", "times_real_time"], ["audio_s", audio_s, ""]]
    for figure in rounds[0]:
        median = statistics.median(each[figure] for each in rounds)
        is_rate = figure.endswith("_s") and not figure.startswith("start")
        rows.append([figure, round(median, 3), round(audio_s / median, 1) if is_rate else ""])
    write_table(TABLE, rows, f"; {arguments.count} files of {SHORT_S} s, {arguments.rounds} rounds")
    for row in rows:
        print(*row)


if __name__ == "__main__":
    main()

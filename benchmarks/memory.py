"""Peak memory and time of whole processes by length: `python -m benchmarks.memory --minutes 1,10,60`.

Each length is encoded from a WAV file and decoded to one, by `python -m codectool` in a process of its own.
The last column is what the same interpreter needs only to import torch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import write_table
from codectool.audio.sink import open_sink

RATE_HZ = 48_000
TABLE = Path(__file__).with_suffix(".csv")


def write_recording(path: Path, minutes: float) -> None:
    """Write stereo noise whose level and colour wander, as 16-bit WAV."""
    rng = np.random.default_rng(0)
    with open_sink(path, rate_hz=RATE_HZ, channels=2, overwrite=True) as sink:
        for second in range(round(minutes * 60)):
            noise = rng.standard_normal((2, RATE_HZ)).astype(np.float32)
            sink.write(np.cumsum(noise, axis=1) % 1 * 0.5 * (1 + np.sin(second / 7)) - 0.25)


def peak_and_time(arguments: list[str]) -> tuple[float, float]:
    """Run Python with these arguments; return its peak resident memory in MiB and its time in seconds."""
    started_s = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(arguments)}: failed")
    return usage.ru_maxrss / 1024, time.perf_counter() - started_s


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", default="1,10,60", help="lengths, separated by commas")
    minutes = [float(value) for value in parser.parse_args().minutes.split(",")]
    torch_mib, torch_s = peak_and_time(["-c", "import torch"])
    rows = [
        ["minutes", "way", "peak_mib", "wall_s", "times_real_time"],
        [0, "import torch", round(torch_mib), round(torch_s, 1), ""],
    ]
    with tempfile.TemporaryDirectory() as folder:
        for length in minutes:
            recording, coded, decoded = (Path(folder, name) for name in ("in.wav", "out.ecdc", "back.wav"))
            write_recording(recording, length)
            ways = {"encode": (recording, coded), "decode": (coded, decoded)}
            for way, (source, target) in ways.items():
                peak_mib, wall_s = peak_and_time(
                    ["-m", "codectool", way, str(source), str(target), "-q", "-f"]
                )
                rows.append([length, way, round(peak_mib), round(wall_s, 1), round(length * 60 / wall_s, 1)])
                print(rows[-1], flush=True)
    write_table(TABLE, rows)


if __name__ == "__main__":
    main()

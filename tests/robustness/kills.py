"""Kill an encode, a decode and a folder run at random moments: `python -m tests.robustness.kills`.

After each kill no file may lie half-written under its final name: what is there must equal the output of an
undisturbed run. The same command again must then complete, with equal outputs. Figures go to kills.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from tests.measurements.machine import description

SECONDS = 20  # of each recording
FILES = 4
TABLE = Path(__file__).with_suffix(".csv")


def write_recordings(folder: Path) -> None:
    """Write a few recordings of noise."""
    folder.mkdir()
    for number in range(FILES):
        audio = np.random.default_rng(number).normal(0, 0.1, SECONDS * 24_000)
        soundfile.write(folder / f"{number}.wav", audio, 24_000)


def contents(place: Path) -> dict[str, bytes]:
    """Return what lies under final names at a file or in a folder."""
    if place.is_dir():
        files = [path for path in place.rglob("*") if path.is_file() and not path.name.endswith(".part")]
        return {str(path.relative_to(place)): path.read_bytes() for path in files}
    return {place.name: place.read_bytes()} if place.exists() else {}


def clear(place: Path) -> None:
    """Remove an output and what unfinished runs left."""
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    for part in place.parent.glob(f".{place.name}*.part"):
        part.unlink()


def trial(command: list[str], output: Path, expected: dict[str, bytes], moment_s: float) -> str | None:
    """Kill one run and repeat it; return what is wrong, or None."""
    clear(output)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        time.sleep(moment_s)
        os.kill(process.pid, signal.SIGKILL)
    left = contents(output)
    if any(expected.get(name) != data for name, data in left.items()):
        return "a half file lies under a final name"
    if subprocess.run([*command, "-f"], stderr=subprocess.DEVNULL).returncode != 0:
        return "the same command again did not complete"
    if contents(output) != expected:
        return "the same command again gave other files"
    parts = list(output.parent.rglob("*.part"))
    return f"left behind: {parts[0].name}" if parts else None


def main() -> None:
    """Run all trials, print a table and write it; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random_ = random.Random(arguments.seed)
    rows, failed = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_recordings(home / "in")
        codec = [sys.executable, "-m", "codectool"]
        kinds = {
            "encode": ([*codec, "encode", "-q", f"{home}/in/0.wav", f"{home}/one.ecdc"], home / "one.ecdc"),
            "decode": ([*codec, "decode", "-q", f"{home}/source.ecdc", f"{home}/one.wav"], home / "one.wav"),
            "folder": ([*codec, "encode", "-q", "--jobs", "2", f"{home}/in", f"{home}/out"], home / "out"),
        }
        subprocess.run([*codec, "encode", "-q", f"{home}/in/0.wav", f"{home}/source.ecdc"], check=True)
        for kind, (command, output) in kinds.items():
            started_s = time.perf_counter()
            subprocess.run(command, check=True)
            whole_s = time.perf_counter() - started_s
            expected, wrong = contents(output), []
            for _ in range(arguments.count):
                problem = trial(command, output, expected, random_.uniform(0, 1.1 * whole_s))
                wrong += [problem] if problem else []
            failed += len(wrong)
            rows.append([kind, arguments.count, len(wrong), wrong[0] if wrong else ""])
            print(*rows[-1], sep="\t", flush=True)
    with TABLE.open("w", newline="") as file:
        file.write(f"# {description()}\n")
        csv.writer(file).writerows([["kind", "kills", "failures", "first"], *rows])
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

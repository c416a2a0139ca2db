"""How fast codectool is beside Opus and EnCodec's published code: `python -m benchmarks.peers.speed`.

Whole processes, from a WAV file to a file and back, beside opusenc and opusdec: both sides in turn, so that
ratios come from one state of the machine. Beside the published EnCodec (if installed; its weights are random,
which changes no time) both sides run in memory. The table has medians. Best on a quiet machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import write_table
from codectool.audio.sink import open_sink
from codectool.models.loading import load
from codectool.quality.bench import synthetic
from codectool.sessions.streaming import DecoderSession, EncoderSession
from tests.peers.reference import is_installed, reference_package

RATE_HZ = 24_000
LEVELS = 8  # 6 kbps
PROCESS_SECONDS = (10.0, 600.0)
MEMORY_SECONDS = (10.0, 60.0)  # of the published EnCodec 10 minutes take 10 GB
TABLE = Path(__file__).parents[1] / "speed_peers.csv"

Sides = dict[str, Callable[[], object]]


def run(*command: str | Path) -> None:
    """Run one process, which must end well."""
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def processes(folder: Path, seconds: float) -> dict[str, Sides]:
    """Return the ways to compare, and for each the two sides."""
    recording, coded, back, opus = (folder / name for name in ("in.wav", "a.ecdc", "back.wav", "a.opus"))
    with open_sink(recording, rate_hz=RATE_HZ, channels=1, overwrite=True) as sink:
        sink.write(synthetic(seconds, RATE_HZ, 1))
    codec = (sys.executable, "-m", "codectool")
    return {
        "encode": {
            "codectool": lambda: run(*codec, "encode", recording, coded, "-b", "6kbps", "-f", "-q"),
            "opusenc": lambda: run("opusenc", "--quiet", "--bitrate", "6", recording, opus),
        },
        "decode": {
            "codectool": lambda: run(*codec, "decode", coded, back, "-f", "-q"),
            "opusdec": lambda: run("opusdec", "--quiet", "--rate", str(RATE_HZ), opus, back),
        },
    }


def in_memory(seconds: float) -> dict[str, Sides]:
    """Return the same for codectool and the published EnCodec, both with the models loaded."""
    audio = synthetic(seconds, RATE_HZ, 1)
    model = load("base_24khz")
    codes = np.concatenate([(session := EncoderSession(model, LEVELS)).push(audio), session.finish()], axis=1)
    reference = reference_package().EncodecModel.encodec_model_24khz(pretrained=False).eval()
    reference.set_target_bandwidth(6.0)
    wave = torch.from_numpy(audio)[None]
    frames = reference.encode(wave)

    def encode() -> None:
        session = EncoderSession(model, LEVELS)
        session.push(audio)
        session.finish()

    def decode() -> None:
        session = DecoderSession(model)
        session.push(codes)
        session.finish()

    return {
        "encode": {"codectool": encode, "encodec": lambda: reference.encode(wave)},
        "decode": {"codectool": decode, "encodec": lambda: reference.decode(frames)},
    }


def compared(sides: Sides, rounds: int) -> dict[str, float]:
    """Return the median time of each side in seconds: in turn, after one round that is not counted."""
    times_s: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            started_s = time.perf_counter()
            side()
            times_s[name].append(time.perf_counter() - started_s)
    return {name: statistics.median(times[1:]) for name, times in times_s.items()}


def rows(way: str, what: str, seconds: float, times_s: dict[str, float]) -> list[list[object]]:
    """Return a line of the table for each side; ratios are to codectool's time."""
    ours_s = times_s["codectool"]
    return [
        [way, what, seconds, name, round(side_s, 3), round(seconds / side_s, 1), round(side_s / ours_s, 2)]
        for name, side_s in times_s.items()
    ]


@torch.inference_mode()
def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    head = ["way", "what", "audio_s", "side", "median_s", "times_real_time", "times_codectools_time"]
    table: list[list[object]] = [list(head)]
    with tempfile.TemporaryDirectory() as folder:
        for seconds in PROCESS_SECONDS if shutil.which("opusenc") else ():
            for way, sides in processes(Path(folder), seconds).items():
                table += rows(way, "process", seconds, compared(sides, arguments.rounds))
    for seconds in MEMORY_SECONDS if is_installed() else ():
        for way, sides in in_memory(seconds).items():
            table += rows(way, "in memory", seconds, compared(sides, arguments.rounds))
    opus = subprocess.run(["opusenc", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
    write_table(TABLE, table, f", {opus}; medians of {arguments.rounds}, both sides in turn")
    for row in table:
        print(*row)


if __name__ == "__main__":
    main()

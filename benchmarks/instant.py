"""How soon a command answers, on both engines: `python -m benchmarks.instant`.

Whole processes from a WAV file at 24 kHz to a file and back, beside `import torch`, opusenc and opusdec;
folders; and single frames through a session on one core. All sides in turn, so that ratios come from one
state of the machine; medians of wall and processor time. Best on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import write_table
from benchmarks.speed import Cost, cost, process_cost, write_speech

ENGINES = ("onnxruntime", "torch")
TABLE = Path(__file__).with_suffix(".csv")
HEAD = [
    "what",
    "audio_s",
    "side",
    "wall_s",
    "core_s",
    "peak_mib",
    "times_real_time",
    "times_first_sides_wall",
]
LONG_S = 60  # from there on fewer rounds
LONG_ROUNDS = 3
LEVELS = 8  # 6 kbps
FRAMES, WARM_UP_FRAMES = 1000, 100
ONE_FRAME = f"""
import json, os, sys, time
import numpy as np
if hasattr(os, "sched_setaffinity"): os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from codectool.models.loading import load
from codectool.sessions.streaming import DecoderSession, EncoderSession
model = load("base_24khz", engine=sys.argv[1])
encoder = EncoderSession(model, {LEVELS}, block_frames=1, threads=1)
decoder = DecoderSession(model, block_frames=1, threads=1)
audio = np.random.default_rng(0).normal(0, 0.1, ({FRAMES}, 1, 320)).astype(np.float32)
times = []
for block in audio:
    started = time.perf_counter()
    codes = encoder.push(block)
    between = time.perf_counter()
    decoder.push(codes)
    times.append([between - started, time.perf_counter() - between])
print(json.dumps(np.percentile(1000 * np.array(times[{WARM_UP_FRAMES}:]), [50, 99], axis=0).T.tolist()))
"""

Side = Callable[[], Cost]


def codec(*arguments: object) -> Side:
    """Return a run of the command."""
    return lambda: cost("-m", "codectool", *(str(argument) for argument in arguments), "-q", "-f")


def in_turn(sides: dict[str, Side], rounds: int) -> dict[str, Cost]:
    """Return the median costs of all sides, each once a round, after a round that is not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            costs[name].append(side())
    return {
        name: Cost(
            *(statistics.median(getattr(each, field) for each in found[1:]) for field in Cost.__annotations__)
        )
        for name, found in costs.items()
    }


def rows(what: str, seconds: float, sides: dict[str, Side], rounds: int) -> list[list[object]]:
    """Measure one thing; return its lines of the table, and print them."""
    found = in_turn(sides, rounds)
    first_s = next(iter(found.values())).wall_s
    lines: list[list[object]] = []
    for name, each in found.items():
        real_time = round(seconds / each.wall_s, 1) if seconds else ""
        ratio = round(each.wall_s / first_s, 2)
        line = [round(each.wall_s, 3), round(each.core_s, 3), round(each.peak_mib), real_time, ratio]
        lines.append([what, seconds or "", name, *line])
        print(*lines[-1], flush=True)
    return lines


def files(folder: Path, seconds: float, rounds: int) -> list[list[object]]:
    """Measure one file both ways."""
    recording, coded, back, opus = (folder / name for name in ("in.wav", "a.ecdc", "back.wav", "a.opus"))
    write_speech(recording, seconds)
    encode = {engine: codec("encode", recording, "-o", coded, "--engine", engine) for engine in ENGINES}
    decode = {engine: codec("decode", coded, "-o", back, "--engine", engine) for engine in ENGINES}
    for sides in (encode, decode):
        sides["import torch"] = lambda: cost("-c", "import torch")
    if shutil.which("opusenc"):
        encode["opusenc"] = lambda: process_cost(
            "opusenc", "--quiet", "--bitrate", "16", str(recording), str(opus)
        )
        decode["opusdec"] = lambda: process_cost("opusdec", "--quiet", str(opus), str(back))
    lines = rows("encode a file", seconds, encode, rounds)
    return lines + rows("decode a file", seconds, decode, rounds)


def folders(folder: Path, count: int, seconds: float, rounds: int) -> list[list[object]]:
    """Measure a folder, and one file as long as all its files."""
    source, target, whole = folder / f"in{count}", folder / f"out{count}", folder / "whole.wav"
    source.mkdir()
    write_speech(source / "0.wav", seconds)
    for number in range(1, count):
        shutil.copyfile(source / "0.wav", source / f"{number}.wav")
    write_speech(whole, count * seconds)
    sides = {
        f"{count} files, {engine}": codec("encode", source, "-o", target, "--engine", engine)
        for engine in ENGINES
    }
    sides |= {
        f"one file, {engine}": codec("encode", whole, "-o", folder / "whole.ecdc", "--engine", engine)
        for engine in ENGINES
    }
    return rows(f"encode a folder of files of {seconds:g} s", count * seconds, sides, rounds)


def frames(rounds: int) -> list[list[object]]:
    """Measure single frames on one core: lines of milliseconds at the 50th and the 99th percentile."""
    import subprocess

    found: dict[str, list[list[list[float]]]] = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine, results in found.items():
            command = [sys.executable, "-c", ONE_FRAME, engine]
            results.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    lines: list[list[object]] = []
    for way, name in enumerate(("encode", "decode")):
        for engine, results in found.items():
            p50, p99 = (statistics.median(result[way][k] for result in results) for k in (0, 1))
            line = [f"{name} one frame, ms p50 and p99", "", engine, round(p50, 3), round(p99, 3), "", "", ""]
            lines.append(line)
            print(*line, flush=True)
    return lines


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", default="1,10,600", help="lengths, separated by commas")
    parser.add_argument("--folders", default="10", help="numbers of files in folders, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--table", type=Path, default=TABLE)
    arguments = parser.parse_args()
    table: list[list[object]] = [list(HEAD)]
    with tempfile.TemporaryDirectory() as name:
        for text in filter(None, arguments.seconds.split(",")):
            few = min(arguments.rounds, LONG_ROUNDS) if float(text) >= LONG_S else arguments.rounds
            table += files(Path(name), float(text), few)
        for text in filter(None, arguments.folders.split(",")):
            few = min(arguments.rounds, LONG_ROUNDS) if int(text) > LONG_S else arguments.rounds
            table += folders(Path(name), int(text), 3.0, few)
    table += frames(arguments.rounds)
    remark = (
        f"; 6 kbps, medians of {arguments.rounds} below {LONG_S} s and files, else of {LONG_ROUNDS}, in turn"
    )
    write_table(arguments.table, table, remark)


if __name__ == "__main__":
    main()

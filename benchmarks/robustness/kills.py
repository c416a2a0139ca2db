"""Kill an encode, a decode and a folder run at random moments: `python -m benchmarks.robustness.kills`.

After each kill no file may lie half-written under its final name: what is there must equal the output of an
undisturbed run. The same command again must then complete with equal outputs, leave no `.part`, and do no
file of a folder twice. Figures go to kills.csv.

The processes, workers too, are forked from ones that have imported torch already, and use a small model: so
most kills meet them at work, not while they start.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.machine import write_table
from codectool import pipeline  # noqa: F401 (what takes long to import must be there before forking)
from codectool.__main__ import run
from codectool.models.search import WEIGHTS_VARIABLE
from tests.small_models import noise_codec, write_weights

LENGTHS_S = (30, 30, *[1] * 40)  # of the recordings: the short ones are encoded together
SERVER_S = 0.3  # a kill amid asking the server for a worker ends the server too; by then it is seen
TABLE = Path(__file__).with_suffix(".csv")
SERVED = multiprocessing.get_context("forkserver")
COLUMNS = ["kind", "kills", "with_part_left", "failures", "first_failure"]


@dataclass(frozen=True)
class Kind:
    """A command, what it makes, and what is added to finish what a killed one left."""

    command: tuple[str, ...]
    output: Path
    again: tuple[str, ...] = ()

    def start(self, *more: str) -> int:
        """Start the command; gives the process."""
        forkserver.ensure_running()
        process = os.fork()
        if process == 0:
            multiprocessing.get_context = lambda _: SERVED
            forkserver._forkserver.ensure_running = lambda: None  # it is the parent's, and runs
            os._exit(run([*self.command, *more]))
        return process

    def complete(self, *more: str) -> bool:
        """Run the command to its end; gives whether it succeeded."""
        return os.waitpid(self.start(*more), 0)[1] == 0


def write_recordings(folder: Path) -> None:
    """Write recordings of noise."""
    folder.mkdir()
    for number, seconds in enumerate(LENGTHS_S):
        audio = np.random.default_rng(number).normal(0, 0.1, seconds * 24_000)
        soundfile.write(folder / f"{number}.wav", audio, 24_000)


def files_at(place: Path) -> list[Path]:
    """Return what lies under final names at a file or in a folder."""
    if place.is_dir():
        return [path for path in place.rglob("*") if path.is_file() and path.suffix != ".part"]
    return [place] if place.exists() else []


def contents(place: Path) -> dict[str, bytes]:
    """Return what is in those."""
    return {path.name: path.read_bytes() for path in files_at(place)}


def parts(place: Path) -> list[Path]:
    """Return the unfinished outputs of a command."""
    return list(place.rglob("*.part")) if place.is_dir() else list(place.parent.glob(f".{place.name}*.part"))


def clear(place: Path) -> None:
    """Remove an output and what unfinished runs left."""
    for part in parts(place):
        part.unlink()
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)


def kill(kind: Kind, moment_s: float) -> bool:
    """Start a command and kill it after that time; gives whether it was still running."""
    process = kind.start()
    time.sleep(moment_s)
    running = os.waitpid(process, os.WNOHANG) == (0, 0)
    if running:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        time.sleep(SERVER_S)
    return running


def what_is_wrong(kind: Kind, expected: dict[str, bytes]) -> str | None:
    """Look at what a killed command left, and run it again; gives what is wrong, or None."""
    if any(expected.get(name) != data for name, data in contents(kind.output).items()):
        return "a half file lies under a final name"
    left = {path: path.stat().st_mtime_ns for path in files_at(kind.output)}
    if not kind.complete(*kind.again):
        return "the same command again did not complete"
    if contents(kind.output) != expected:
        return "the same command again gave other files"
    if not kind.again and any(path.stat().st_mtime_ns != written for path, written in left.items()):
        return "the same command again did a file twice"
    return f"left behind: {names[0].name}" if (names := parts(kind.output)) else None


@dataclass
class Series:
    """The kills of one kind so far, each at a random moment of `whole_s`, the time of an undisturbed run."""

    kind: Kind
    whole_s: float
    expected: dict[str, bytes]
    kills: int = 0
    with_part_left: int = 0
    failures: list[str] = field(default_factory=list)

    def trial(self, random_: random.Random) -> None:
        """Kill the command once, while it runs, and look at what comes of it."""
        clear(self.kind.output)
        while not kill(self.kind, random_.uniform(0, self.whole_s)):
            clear(self.kind.output)
        self.kills += 1
        self.with_part_left += bool(parts(self.kind.output))
        if problem := what_is_wrong(self.kind, self.expected):
            self.failures.append(problem)

    def row(self) -> list[object]:
        """Return the figures of the table."""
        first = self.failures[0] if self.failures else ""
        return [self.kills, self.with_part_left, len(self.failures), first]


def undisturbed(kind: Kind) -> Series:
    """Run a command to its end, which is what killed ones are compared with."""
    started_s = time.perf_counter()
    if not kind.complete():
        raise SystemExit(f"{' '.join(kind.command)}: failed")
    return Series(kind, time.perf_counter() - started_s, contents(kind.output))


def kinds(home: Path) -> dict[str, Kind]:
    """Return the commands to kill, in a folder that has what they need."""
    write_recordings(home / "in")
    recording, source, coded, decoded = (
        home / name for name in ("in/0.wav", "0.ecdc", "one.ecdc", "one.wav")
    )
    Kind(("encode", "-q", str(recording), str(source)), source).complete()
    return {
        "encode": Kind(("encode", "-q", str(recording), str(coded)), coded, ("-f",)),
        "decode": Kind(("decode", "-q", str(source), str(decoded)), decoded, ("-f",)),
        "folder": Kind(("encode", "-q", "--jobs", "2", str(home / "in"), str(home / "out")), home / "out"),
    }


def main() -> None:
    """Run all trials, a kind after the other, and write the table; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random_ = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        os.environ[WEIGHTS_VARIABLE] = str(
            write_weights(noise_codec(0), Path(temporary, "small.safetensors"))
        )
        SERVED.set_forkserver_preload(["codectool.pipeline", "codectool.batch.worker"])
        series = {name: undisturbed(kind) for name, kind in kinds(Path(temporary)).items()}
        for _ in range(arguments.count):
            for each in series.values():
                each.trial(random_)
            write_table(TABLE, [COLUMNS, *([name, *each.row()] for name, each in series.items())])
    print(TABLE.read_text())
    sys.exit(1 if any(each.failures for each in series.values()) else 0)


if __name__ == "__main__":
    main()

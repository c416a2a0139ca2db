"""Kill an encode, a decode and a folder run at random moments: `python -m benchmarks.robustness.kills`.

After each kill no file may lie half-written under its final name: what is there must equal the output of an
undisturbed run. The same command again must then complete with equal outputs, leave no `.part`, and do no
file of a folder twice. Figures go to kills.csv.

Live input is ended by SIGINT, SIGTERM or SIGHUP instead, while a program still writes to the pipe: the
recording must be there, whole, with all that was written before, and the exit code be that of the signal.

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
from codectool.__main__ import end_in_order, run
from codectool.container import scan
from codectool.models.search import WEIGHTS_VARIABLE
from tests.small_models import noise_codec, write_weights

LENGTHS_S = (30, 30, *[1] * 40)  # of the recordings: the short ones are encoded together
RAW = ("--raw", "s16le", "--rate", "24000", "--channels", "1")
PIECE_BYTES, PIECE_S = 960, 0.001  # 20 ms of sound a millisecond: a fast, but still a live source
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

    def start(self, *more: str, stdin: int | None = None) -> int:
        """Start the command, reading that descriptor; gives the process."""
        forkserver.ensure_running()
        process = os.fork()
        if process == 0:
            multiprocessing.get_context = lambda _: SERVED
            forkserver._forkserver.ensure_running = lambda: None  # it is the parent's, and runs
            if stdin is not None:
                end_in_order()
                os.dup2(stdin, 0)
                os.closerange(3, stdin + 2)  # the writing end too: else the pipe would never end
                sys.stdin = open(0)  # noqa: SIM115
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


@dataclass
class Live:
    """Recordings from a pipe so far, each ended by a signal at a random moment after its first packet."""

    output: Path
    kills: int = 0
    failures: list[str] = field(default_factory=list)

    def trial(self, random_: random.Random) -> None:
        """Record from a pipe, end it with a signal, and look at what comes of it."""
        clear(self.output)
        number = random_.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        reads, writes = os.pipe()
        command = ("encode", "-q", "-", str(self.output), *RAW)
        process = Kind(command, self.output).start(stdin=reads)
        os.close(reads)
        written_bytes = 0
        until_s = None
        while until_s is None or time.perf_counter() < until_s:
            written_bytes += os.write(writes, bytes(PIECE_BYTES))
            time.sleep(PIECE_S)
            if until_s is None and parts(self.output) and parts(self.output)[0].stat().st_size:
                until_s = time.perf_counter() + random_.uniform(0, 0.3)
        os.kill(process, number)
        _, status = os.waitpid(process, 0)
        os.close(writes)
        self.kills += 1
        if problem := self._what_is_wrong(os.waitstatus_to_exitcode(status), number, written_bytes):
            self.failures.append(problem)

    def _what_is_wrong(self, code: int, number: int, written_bytes: int) -> str | None:
        if code != 128 + number:
            return f"exit code {code} after signal {number}"
        if parts(self.output) or not self.output.exists():
            return "no recording, or an unfinished one"
        with self.output.open("rb") as stream:
            summary = scan(stream)
        if not summary.complete or summary.total_samples != written_bytes // 2:
            return f"{summary.total_samples} of {written_bytes // 2} samples"
        return None

    def row(self) -> list[object]:
        """Return the figures of the table."""
        return [self.kills, 0, len(self.failures), self.failures[0] if self.failures else ""]


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
        series: dict[str, Series | Live] = {
            name: undisturbed(kind) for name, kind in kinds(Path(temporary)).items()
        }
        series["live input, ended by a signal"] = Live(Path(temporary, "live.ecdc"))
        for _ in range(arguments.count):
            for each in series.values():
                each.trial(random_)
            write_table(TABLE, [COLUMNS, *([name, *each.row()] for name, each in series.items())])
    print(TABLE.read_text())
    sys.exit(1 if any(each.failures for each in series.values()) else 0)


if __name__ == "__main__":
    main()

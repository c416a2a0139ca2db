"""How fast, how safely and in how much memory recordings become tokens.

`python -m benchmarks.tokens speed`: clips of 1 to 15 s by `codec tokenize`, by `codec encode` of the folder,
and the first of them by the published EnCodec and by transformers' Mimi, one after another as their users do
(with random weights, which change no time).
`python -m benchmarks.tokens memory`: peak memory by number of recordings.
`python -m benchmarks.tokens length`: peak memory by length of a recording.
`python -m benchmarks.tokens kills`: a run killed at random times and started again, until it is done; its
files must be those of an undisturbed run.
`python -m benchmarks.tokens ray`: clips without Ray, and by 1, 2 and 4 workers of a Ray on this machine.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import write_table
from benchmarks.memory import peak_and_time
from codectool.audio.sink import open_sink

RATE_HZ = 24_000
SHORTEST_S, LONGEST_S = 1.0, 15.0
CODEC = ("-m", "codectool")
MEMORY_CLIPS = (30, 300)  # and as many as asked for
KILL_CLIPS = 48
RAY_CLIPS = 60
SHORT_S = 3.0  # the longest clips where time is not what is measured


def table(part: str) -> Path:
    """Return where the table of a part lies."""
    return Path(__file__).with_name(f"tokens_{part}.csv")


def write_clip(path: Path, seconds: float, rng: np.random.Generator) -> None:
    """Write noise whose level swells, in pieces of a minute, as 16-bit WAV."""
    with open_sink(path, rate_hz=RATE_HZ, channels=1) as sink:
        left = round(seconds * RATE_HZ)
        while left > 0:
            samples = min(left, 60 * RATE_HZ)
            swell = 0.1 * (1 + np.sin(np.arange(samples) / 3000)).astype(np.float32)
            sink.write(swell * rng.standard_normal((1, samples)).astype(np.float32))
            left -= samples


def write_clips(folder: Path, count: int, longest_s: float = LONGEST_S) -> float:
    """Write clips of even lengths in between; return their seconds in all."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    seconds = rng.uniform(SHORTEST_S, longest_s, count)
    for number, length in enumerate(seconds):
        write_clip(folder / f"{number:06}.wav", float(length), rng)
    return float(seconds.sum())


def codec(*arguments: object) -> tuple[float, float]:
    """Run a command; return its time, and that of all its processes on any core. Exits when it fails."""
    started_s = time.perf_counter()
    command = [sys.executable, *CODEC, *map(str, arguments), "-q"]
    process = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: failed")
    return time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime


def encodec() -> Callable[[Any], object]:
    """Return what encodes audio `[channels, samples]` by the published EnCodec, 6 kbps, random weights."""
    from tests.peers.reference import reference_package

    model = reference_package().EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(6.0)
    return lambda audio: model.encode(audio[None])


def mimi() -> Callable[[Any], object]:
    """Return the same by transformers' Mimi, with the 8 levels that Moshi has."""
    import transformers

    model = transformers.MimiModel(transformers.MimiConfig()).eval()
    return lambda audio: model.encode(audio[None], num_quantizers=8)


def one_by_one(encode: Callable[[Any], object], paths: list[Path]) -> tuple[float, float]:
    """Read clips and encode them, one after another; return the time, and that on any core."""
    import torch

    from codectool.audio.source import open_source

    started_s, started_core_s = time.perf_counter(), time.process_time()
    for path in paths:
        with open_source(path) as source, torch.inference_mode():
            encode(torch.from_numpy(np.concatenate(list(source.blocks()), axis=1)))
    return time.perf_counter() - started_s, time.process_time() - started_core_s


def speed(folder: Path, arguments: argparse.Namespace) -> Iterator[list[object]]:
    """Yield hours of audio a second, of whole commands."""
    clips = folder / "clips"
    audio_s = write_clips(clips, arguments.count)
    yield [
        "way",
        "clips",
        "audio_hours",
        "processes",
        "wall_s",
        "core_s",
        "audio_hours_per_s",
        "audio_s_per_core_s",
    ]

    def row(
        way: str, count: int, seconds: float, processes: int, times_s: tuple[float, float]
    ) -> list[object]:
        hours, (wall_s, core_s) = seconds / 3600, times_s
        rates = round(hours / wall_s, 5), round(seconds / core_s, 1)
        return [way, count, round(hours, 3), processes, round(wall_s, 2), round(core_s, 2), *rates]

    ways: dict[str, Callable[[], tuple[float, float]]] = {
        "codec tokenize": lambda: codec(
            "tokenize", clips, folder / "out", "-f", "--shard-items", arguments.count // 8
        ),
        "codec encode": lambda: codec("encode", clips, folder / "coded", "-f"),
    }
    for way, run in ways.items():
        fastest_s = min(run() for _ in range(arguments.rounds))
        yield row(way, arguments.count, audio_s, os.cpu_count() or 1, fastest_s)
    few = sorted(clips.iterdir())[: arguments.peer_clips]
    few_s = sum((path.stat().st_size - 44) / 2 / RATE_HZ for path in few)
    peers = {"encodec": encodec, "mimi of transformers": mimi}
    for name, peer in peers.items():
        yield row(f"{name}, one by one, in memory", len(few), few_s, 1, one_by_one(peer(), few))


def memory(folder: Path, arguments: argparse.Namespace) -> Iterator[list[object]]:
    """Yield the peak memory of one process for few and for many clips, by either engine."""
    yield ["engine", "recordings", "audio_hours", "peak_mib", "wall_s"]
    counts = [count for count in MEMORY_CLIPS if count < arguments.count] + [arguments.count]
    for engine in ("onnxruntime", "torch"):
        for count in counts:
            clips = folder / f"{engine}{count}"
            seconds = write_clips(clips, count, SHORT_S)
            yield [engine, *_peak(clips, count, seconds, arguments, "--engine", engine)]


def length(folder: Path, arguments: argparse.Namespace) -> Iterator[list[object]]:
    """Yield the peak memory of one process for one long recording."""
    yield ["recordings", "audio_hours", "peak_mib", "wall_s"]
    for hours in (1, arguments.hours):
        recording = folder / f"{hours}h.wav"
        write_clip(recording, hours * 3600, np.random.default_rng(0))
        yield _peak(recording, 1, hours * 3600, arguments)


def _weights(folder: Path, small: bool) -> tuple[str, ...]:
    """Return the options for a network of the same stream that is smaller inside, if that is wanted."""
    if not small:
        return ()
    from tests.small_models import noise_codec, write_weights

    return "--weights", str(write_weights(noise_codec(seed=0), folder / "small.safetensors"))


def _peak(
    source: Path, count: int, seconds: float, arguments: argparse.Namespace, *options: str
) -> list[object]:
    """Return the row of one process that tokenizes a folder or a file, which is then removed."""
    target = source.with_name("out")
    small = _weights(source.parent, arguments.small)
    command = ("tokenize", str(source), str(target), "--jobs", "1", "-q", *options, *small)
    peak_mib, wall_s = peak_and_time([*CODEC, *command])
    for path in (source, target):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return [count, round(seconds / 3600, 3), round(peak_mib), round(wall_s, 1)]


def kills(folder: Path, arguments: argparse.Namespace) -> Iterator[list[object]]:
    """Yield for each run how often it was killed until it was done, and whether its files are the same."""
    clips = folder / "clips"
    write_clips(clips, KILL_CLIPS, SHORT_S)
    options = ("--shard-items", "4", "--jobs", "2")
    whole_s, _ = codec("tokenize", clips, folder / "undisturbed", *options)
    expected = _files(folder / "undisturbed")
    draw = random.Random(0)
    killed = 0
    yield ["run", "kills", "kills_so_far", "same_files", "seconds_undisturbed"]
    for run in range(1, sys.maxsize):
        target = folder / f"run{run}"
        here = 0
        while not _ends(("tokenize", str(clips), str(target), *options), draw.uniform(0.1, 0.7) * whole_s):
            here += 1
        killed += here
        same = _files(target) == expected
        yield [run, here, killed, same, round(whole_s, 1)]
        if not same:
            raise SystemExit(f"{target}: differs")
        shutil.rmtree(target)
        if killed >= arguments.kills:
            break


def _ends(command: tuple[str, ...], after_s: float) -> bool:
    """Start a command and kill all its processes after so long; tell whether it had ended by itself."""
    process = subprocess.Popen([sys.executable, *CODEC, *command, "-q"], start_new_session=True)
    try:
        if process.wait(after_s):
            raise SystemExit(f"{' '.join(command)}: failed")
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def _files(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, without what was left behind under temporary names."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def ray(folder: Path, arguments: argparse.Namespace) -> Iterator[list[object]]:
    """Yield the time of whole commands, and what Ray adds to that of one process, a clip."""
    clips = folder / "clips"
    audio_s = write_clips(clips, RAY_CLIPS, SHORT_S)
    small = _weights(folder, arguments.small)
    common = ("tokenize", clips, folder / "out", "-f", "--shard-items", 10, *small)
    yield ["way", "workers", "clips", "wall_s", "times_real_time", "overhead_ms_per_clip"]
    alone_s, _ = codec(*common, "--jobs", 1)
    yield ["here", 1, RAY_CLIPS, round(alone_s, 2), round(audio_s / alone_s, 1), ""]
    for workers in (1, 2, 4):
        wall_s, _ = codec(*common, "--runner", "ray", "--jobs", workers)
        overhead_ms = round((wall_s - alone_s) / RAY_CLIPS * 1000, 1) if workers == 1 else ""
        yield ["ray", workers, RAY_CLIPS, round(wall_s, 2), round(audio_s / wall_s, 1), overhead_ms]


def main() -> None:
    """Measure one part, print, and write its table."""
    parts = {"speed": speed, "memory": memory, "length": length, "kills": kills, "ray": ray}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=parts)
    parser.add_argument("--count", type=int, default=2000, help="of clips")
    parser.add_argument("--peer-clips", type=int, default=40, help="of these, for the slower peers")
    parser.add_argument("--rounds", type=int, default=1, help="of which the fastest counts")
    parser.add_argument("--hours", type=int, default=10, help="of the long recording")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="memory, length, ray: with a smaller network")
    parser.add_argument("--remark", default="", help="on the state of the machine, for the table")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for row in parts[arguments.part](Path(name), arguments):
            print(*row, sep=", ", flush=True)
            rows.append(row)  # written at once: a long measurement may be ended when there is enough
            write_table(table(arguments.part), rows, f"; {arguments.remark}" if arguments.remark else "")


if __name__ == "__main__":
    main()

"""One measurement after another, on one process or several."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import soundfile

from codectool.engines.processes import ProcessPool, Tell, serve_calls
from codectool.errors import CodecError, UsageError, WeightsError
from codectool.quality.codecs import Codec
from codectool.quality.metrics import Scores
from codectool.quality.report import Failure
from codectool.quality.signals import Pair, Recording, read_audio, read_pair, resample
from codectool.quality.sources import Source
from codectool.quality.stereo import score_channels
from codectool.quality.table import Measurement


@dataclass(frozen=True)
class PairPoint:
    """One measurement to make: a file against its decoded version."""

    source: Source
    decoded: Path
    align: bool
    metrics: tuple[str, ...]
    stereo: bool = False


@dataclass(frozen=True)
class CodecPoint:
    """One measurement to make: a file through a codec at a rate."""

    source: Source
    codec: Codec
    rate_bps: int
    metrics: tuple[str, ...]
    reference_rate_hz: int | None = None
    stereo: bool = False


Point: TypeAlias = PairPoint | CodecPoint
Work: TypeAlias = Callable[[Any], Measurement | Failure]  # of the one or the other kind of point
_Task: TypeAlias = "partial[Measurement | Failure]"  # the work on a point


def measure_pair(point: PairPoint) -> Measurement | Failure:
    """Score a decoded file against its reference; what is wrong with the two comes back as a Failure."""
    source = point.source
    try:
        pair = read_pair(source.path, point.decoded, point.align, point.stereo)
    except CodecError as error:
        return Failure(source.name, error)
    scores = _scores(pair, point.metrics)
    if isinstance(scores, CodecError):
        return Failure(source.name, scores)
    duration_s = pair.reference.shape[1] / pair.rate_hz
    return Measurement(source.name, source.kind, duration_s, scores, pair.notes)


def measure_codec(point: CodecPoint) -> Measurement | Failure:
    """Run a file's mono mix, or both channels, through a codec and score what comes back.

    Scores are at the file's rate or that asked for.

    What is wrong with the file comes back as a Failure; UsageError and WeightsError, which no other file
    would be spared, are raised.
    """
    source, codec = point.source, point.codec
    with tempfile.TemporaryDirectory(prefix="codec-eval-") as folder:
        workdir = Path(folder)
        heard = workdir / "recording.wav"
        try:
            original = _at_rate(read_audio(source.path, point.stereo), point.reference_rate_hz)
            # Of the sample types that every codec's tool reads, the one that keeps a mean of 16-bit channels.
            soundfile.write(heard, original.audio.T, original.rate_hz, subtype="PCM_24")
            trip = codec.roundtrip(heard, point.rate_bps, workdir)
            pair = read_pair(heard, trip.decoded, not codec.compensates_delay, point.stereo)
        except (UsageError, WeightsError):
            raise
        except CodecError as error:
            plain = type(error)(str(error).replace(f"{workdir}/", ""))  # a folder nobody else has seen
            return Failure(_name(point), plain)
    scores = _scores(pair, point.metrics)
    if isinstance(scores, CodecError):
        return Failure(_name(point), scores)
    return Measurement(
        source.name,
        source.kind,
        duration_s=original.audio.shape[1] / original.rate_hz,
        scores=scores,
        notes=tuple(f"{codec.name}: {note}" for note in pair.notes) if codec.compensates_delay else (),
        codec=codec.name,
        nominal_bps=point.rate_bps,
        bytes_written=trip.bytes_written,
    )


def _name(point: Point) -> str:
    if isinstance(point, PairPoint):
        return point.source.name
    return f"{point.source.name} ({point.codec.name}, {point.rate_bps / 1000:g} kbps)"


def _scores(pair: Pair, metrics: tuple[str, ...]) -> Scores | CodecError:
    """Return the scores, or what a metric failed with: a fault in one of their packages costs one file."""
    try:
        return score_channels(pair.reference, pair.decoded, pair.rate_hz, metrics)
    except Exception as error:
        return CodecError(f"could not be scored: {type(error).__name__}: {error}")


def _at_rate(recording: Recording, rate_hz: int | None) -> Recording:
    """Bring a recording to a rate, or leave it as it is where none is asked for."""
    if rate_hz is None:
        return recording
    return replace(recording, audio=resample(recording.audio, recording.rate_hz, rate_hz), rate_hz=rate_hz)


def run_all(work: Work, points: Sequence[Point], jobs: int) -> Iterator[Measurement | Failure]:
    """Measure every point, on `jobs` processes, and yield the results in the order of the points.

    A process that is killed costs one point. What `work` raises is raised.
    """
    if min(jobs, len(points)) <= 1:
        yield from map(work, points)
        return
    tasks = [partial(work, point) for point in points]
    numbers = {id(task): number for number, task in enumerate(tasks)}
    early: dict[int, Any] = {}  # by number, results that came before their turn
    wanted = 0
    with (
        tempfile.TemporaryDirectory(prefix="codec-eval-") as folder,  # also when processes are cut short
        ProcessPool(min(jobs, len(points)), partial(_serve, folder), _lost) as pool,
    ):
        for task, result in pool.results((task,) for task in tasks):
            early[numbers[id(task)]] = result
            while wanted in early:
                result = early.pop(wanted)
                if isinstance(result, Exception):
                    raise result
                yield result
                wanted += 1


def _serve(folder: str, tell: Tell) -> Callable[[tuple[_Task, ...]], Iterator[Any]]:
    tempfile.tempdir = folder
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # of ViSQOL: a process has a core
    return serve_calls(tell)


def _lost(task: _Task, died: str) -> Failure:
    reason = f"its process {died}, perhaps for want of memory; fewer `jobs` need less"
    return Failure(_name(task.args[0]), CodecError(reason))

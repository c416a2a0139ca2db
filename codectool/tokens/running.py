"""A whole run: inputs to shards; shards that are whole already are left as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from codectool.errors import UsageError
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.processes import InProcesses, InThisProcess, Runner
from codectool.tokens.shards import Shard, Written
from codectool.tokens.state import State


@dataclass
class Totals:
    """The outcome of a run: shards and recordings of its own part.

    `complete` says whether the shards of all parts are there.
    """

    shards: int = 0
    skipped: int = 0
    items: int = 0
    failed: int = 0
    frames: int = 0
    duration_s: float = 0.0
    encoded_s: float = 0.0  # of audio, without what was skipped
    complete: bool = False
    names: list[str] = field(default_factory=list)

    def add(self, written: Written, is_new: bool) -> None:
        """Count one shard."""
        self.shards += 1
        self.skipped += not is_new
        self.items += written.items
        self.failed += len(written.errors)
        self.frames += written.frames
        self.duration_s += written.duration_s
        self.encoded_s += written.duration_s if is_new else 0.0


Tell = Callable[[Written, bool], None]  # told of every shard, and whether it was written now


def run(job: TokenizeJob, tell: Tell = lambda *_: None, runner: Runner | None = None) -> Totals:
    """Write those shards of a job's part that are not there yet, and tell of each.

    Raises UsageError for choices that cannot be, or a folder that holds another data set, WeightsError
    without weights, and FileError for files that cannot be read or written. Failures of single recordings are
    in the errors of their shards.
    """
    job.check()
    if runner is not None:
        return _run(job, tell, runner)
    if job.workers == 1:
        return _run(job, tell, InThisProcess())
    with InProcesses(job.workers) as processes:
        return _run(job, tell, processes)


def _run(job: TokenizeJob, tell: Tell, runner: Runner) -> Totals:
    shards = job.shards()
    first = next(shards, None)
    if first is None:
        raise UsageError(f"{job.source}: holds nothing to tokenize")
    description = runner.describe(job)
    state = State(Path(job.target), job.format)
    facts = {"format": job.format.name, "shard_items": job.shard_items, "description": description.facts()}
    state.begin(facts, job.overwrite)
    totals = Totals()

    def told(written: Written, is_new: bool) -> None:
        totals.add(written, is_new)
        tell(written, is_new)

    left = _left(job, state, chain((first,), shards), totals, told)
    for written in runner.write(job, description, left):
        told(written, True)
    totals.complete = state.conclude(totals.names)
    return totals


def _left(
    job: TokenizeJob,
    state: State,
    shards: Iterator[Shard],
    totals: Totals,
    told: Callable[[Written, bool], None],
) -> Iterator[Shard]:
    """Yield the shards of this part that are to be written, and tell of those that are there."""
    number, count = job.part
    for shard in shards:
        totals.names.append(shard.name)
        if shard.number % count != number:
            continue
        written = state.written(shard)
        if written is None or (job.retry and written.errors):
            yield shard
        else:
            told(written, False)

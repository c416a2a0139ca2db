"""Doing a plan: what is there already is skipped, the rest goes to workers, no failure stops the others."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from codectool.batch.planning import BatchJob, Item, Plan, job_of
from codectool.batch.report import Outcome, Status
from codectool.batch.resume import Resumer, remove_part
from codectool.batch.worker import Chunk, Job, serve
from codectool.engines.processes import ProcessPool
from codectool.errors import CodecError
from codectool.files.outputs import make_folder
from codectool.pipeline import EncodeJob

CHUNK_FILES = 8  # short recordings for a worker to encode together,
CHUNK_BYTES = 2**21  # unless they are larger in all: then they take long enough as they are
CHUNKS_MIN = 4  # a worker gets at least, that none is left with the work when the others have done

Record = Callable[[Outcome], None]  # told of every file as soon as something has come of it


def run(job: BatchJob, plan: Plan, record: Record, moved: Callable[[float], None] | None = None) -> None:
    """Do the plan, telling `record` what came of each file, until one shows that no more can.

    `moved` is told the seconds of audio that are done of the files in work. Raises WeightsError when there
    are no weights to encode with, and FileError when the target folder cannot be made; whatever is wrong with
    one file is in its outcome.
    """
    resumer = Resumer(job)
    if isinstance(job.each, EncodeJob):
        resumer.fingerprint  # noqa: B018 (weights that are missing would fail every file)
    if plan.folder is not None:
        make_folder(plan.folder)
    _record_refused(plan, record)
    with ProcessPool(job.workers, serve, _lost, lambda each: remove_part(each.target), moved) as pool:
        jobs = _jobs_left(job, plan, resumer, record)
        files = min(CHUNK_FILES, len(plan.items) // (CHUNKS_MIN * job.workers))
        for _, outcome in pool.results(_chunks(jobs, files)):
            record(_removed(job, resumer, outcome))
            if outcome.ends_run:
                return


def preview(job: BatchJob, plan: Plan, record: Record, _: object = None) -> None:
    """Tell `record` what `run` would do, and do nothing."""
    resumer = Resumer(job)
    _record_refused(plan, record)
    for item in plan.items:
        record(resumer.outcome_of(item) or Outcome(item.source, item.target, Status.PLANNED))


def _lost(job: Job, died: str) -> Outcome:
    """Return what came of a job over which its worker died."""
    reason = f"its worker {died}, perhaps for want of memory; fewer `workers` need less"
    return Outcome(job.source, job.target, Status.FAILED, error=f"{job.source}: {reason}")


def _jobs_left(job: BatchJob, plan: Plan, resumer: Resumer, record: Record) -> Iterator[Job | None]:
    """Yield what is to be done, None for a file that is not."""
    for item in plan.items:
        outcome = resumer.outcome_of(item)
        if outcome is None:
            yield job_of(job, item)
            continue
        if outcome.status is Status.SKIPPED:
            remove_part(item.target)  # of a run that was killed while it made it anew
        record(_removed(job, resumer, outcome))
        yield None


def _removed(job: BatchJob, resumer: Resumer, outcome: Outcome) -> Outcome:
    """Remove the input if that was asked for and its output is good; return what came of it."""
    if not job.remove or outcome.status not in (Status.DONE, Status.SKIPPED):
        return outcome
    try:
        resumer.remove_source(Item(outcome.source, outcome.target))
    except CodecError as error:
        return replace(outcome, status=Status.FAILED, error=str(error))
    return outcome


def _chunks(jobs: Iterator[Job | None], files: int) -> Iterator[Chunk]:
    """Give jobs in a row in chunks of so many: only the short ones of encoding gain by more than one."""
    chunk: list[Job] = []
    chunk_bytes = 0
    for job in chain(jobs, [None]):
        job_bytes = CHUNK_BYTES if job is None or files <= 1 else _size_bytes(job)
        if chunk and (len(chunk) == files or chunk_bytes + job_bytes >= CHUNK_BYTES):
            yield tuple(chunk)
            chunk, chunk_bytes = [], 0
        if job is not None:
            chunk.append(job)
            chunk_bytes += job_bytes


def _size_bytes(job: Job) -> int:
    """Return how much of a chunk an input takes: all, if it is none to encode with others."""
    try:
        status = Path(job.source).stat()
    except OSError:  # which the worker says better
        return CHUNK_BYTES
    is_recording = isinstance(job, EncodeJob) and stat.S_ISREG(status.st_mode)
    return status.st_size if is_recording else CHUNK_BYTES


def _record_refused(plan: Plan, record: Record) -> None:
    for name, error in plan.refused:
        record(Outcome(name, "", Status.FAILED, error=str(error)))

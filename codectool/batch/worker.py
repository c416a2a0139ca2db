"""What a worker process does with a chunk of jobs: it encodes and decodes files, and loads models once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from codectool.batch.report import Outcome, Status
from codectool.errors import DiskFullError, FileError, message_of
from codectool.files.inputs import refuse_missing
from codectool.files.outputs import make_folder
from codectool.files.streams import NO_ROOM
from codectool.pipeline import DecodeJob, EncodeJob

if TYPE_CHECKING:
    from codectool.pipeline import DecodeResult, EncodeResult

MODELS_KEPT = 2  # a folder may mix files of several models; each takes tens of megabytes

Job: TypeAlias = EncodeJob | DecodeJob
Chunk: TypeAlias = tuple[Job, ...]  # what a worker is given at once


def serve(tell: Callable[[float], None]) -> Callable[[Chunk], Iterator[Outcome]]:
    """Return what does the chunks that a worker process is given."""
    return Coder(tell).outcomes_of


class Coder:
    """Encodes and decodes files, sharing models between them; `progress` is told the seconds done of each."""

    def __init__(self, progress: Callable[[float], None] | None = None) -> None:
        from codectool.models.loading import load

        self._progress = progress
        self._load = lru_cache(MODELS_KEPT)(load)

    def outcomes_of(self, chunk: Chunk) -> Iterator[Outcome]:
        """Do the jobs of a chunk, short recordings in one batch; yield what came of each, in their order.

        An error is in the outcome of its job.
        """
        refused = [_refused(job) for job in chunk]
        ready = [job for job, outcome in zip(chunk, refused, strict=True) if outcome is None]
        encoded = self._encode([job for job in ready if isinstance(job, EncodeJob)])
        for job, outcome in zip(chunk, refused, strict=True):
            if outcome is None:
                outcome = next(encoded) if isinstance(job, EncodeJob) else self._decode(job)
            yield outcome

    def _encode(self, jobs: Sequence[EncodeJob]) -> Iterator[Outcome]:
        from codectool import pipeline

        for job, result in zip(jobs, pipeline.encode_all(jobs, self._load, self._progress), strict=True):
            yield _failure(job, result) if isinstance(result, Exception) else _encoded(job, result)

    def _decode(self, job: DecodeJob) -> Outcome:
        from codectool import pipeline

        try:
            return _decoded(job, pipeline.decode(job, self._progress, self._load))
        except Exception as error:  # a fault of ours costs one file too
            return _failure(job, error)


def _refused(job: Job) -> Outcome | None:
    """Return the failure of a job that cannot begin, None for one that can: its folder is there then."""
    try:
        refuse_missing(Path(job.source))  # before a folder is made that would stay empty
        make_folder(Path(job.target).parent)
    except FileError as error:
        return _failure(job, error)
    return None


def _failure(job: Job, error: Exception) -> Outcome:
    said = message_of(error, job.source)
    is_full = isinstance(error, DiskFullError) or (isinstance(error, OSError) and error.errno in NO_ROOM)
    return Outcome(job.source, job.target, Status.FAILED, error=said, ends_run=is_full)


def _encoded(job: EncodeJob, result: EncodeResult) -> Outcome:
    return Outcome(
        job.source,
        job.target,
        Status.DONE,
        result.duration_s,
        result.bytes_written,
        notes=tuple(result.notes),
        warnings=tuple(result.warnings),
        loses_stereo=result.loses_stereo,
    )


def _decoded(job: DecodeJob, result: DecodeResult) -> Outcome:
    return Outcome(
        job.source,
        job.target,
        Status.DAMAGED if result.damage else Status.DONE,
        result.duration_s,
        Path(job.source).stat().st_size,
        error=f"{job.source}: {result.damage[0]}" if result.damage else None,
        notes=tuple(result.notes),
        warnings=(*result.warnings, *result.damage),
    )

"""A process that does what it is handed with models it loads once, for as long as its parent lives."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection
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

TELL_S = 0.5  # between two words on how far a file has come
MODELS_KEPT = 2  # a folder may mix files of several models; each takes tens of megabytes

Job: TypeAlias = EncodeJob | DecodeJob
Chunk: TypeAlias = tuple[Job, ...]  # what a worker is given at once


def work(connection: Connection) -> None:
    """Do the chunks of jobs that come through `connection`, until it closes; send each job's outcome back.

    In between, numbers are the seconds of audio done of the file in work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the parent decides
    chunks: queue.SimpleQueue[Chunk] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, chunks), daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported: idle threads would cost time
    coder = Coder(_Teller(connection).tell)
    while True:
        for outcome in coder.outcomes_of(chunks.get()):
            with suppress(OSError):  # when the parent has gone; there is nobody to tell
                connection.send(outcome)


def _receive(connection: Connection, chunks: queue.SimpleQueue[Chunk]) -> None:
    """Pass chunks on; the end of the connection is that of the parent, and ends this process in the midst."""
    try:
        while True:
            chunks.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


class _Teller:
    """Tells the parent how far a file has come, but not often."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told_s = time.monotonic()

    def tell(self, duration_s: float) -> None:
        """Take the seconds of audio done of the file in work."""
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            with suppress(OSError):  # when the parent has gone
                self._connection.send(duration_s)


class Coder:
    """Encodes and decodes files, sharing models between them; `progress` is told the seconds done of each."""

    def __init__(self, progress: Callable[[float], None] | None = None) -> None:
        from codectool.models.loading import load

        self._progress = progress
        self._load = lru_cache(MODELS_KEPT)(load)

    def outcomes_of(self, chunk: Chunk) -> Iterator[Outcome]:
        """Do the jobs of a chunk, short recordings in one batch; an error is in the outcome of its job."""
        ready = []
        for job in chunk:
            try:
                refuse_missing(Path(job.source))  # before a folder is made that would stay empty
                make_folder(Path(job.target).parent)
                ready.append(job)
            except FileError as error:
                yield _failure(job, error)
        encodes = [job for job in ready if isinstance(job, EncodeJob)]
        yield from self._encode(encodes)
        yield from (self._decode(job) for job in ready if isinstance(job, DecodeJob))

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

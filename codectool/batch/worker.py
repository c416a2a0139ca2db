"""A process that does one file after another with models it loads once, for as long as its parent lives."""

from __future__ import annotations

import os
import queue
import signal
import threading
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path

from codectool.batch.report import Outcome, Status
from codectool.errors import CodecError
from codectool.jobs import DecodeJob, EncodeJob

MODELS_KEPT = 2  # a folder may mix files of several models; each takes tens of megabytes


def work(connection: Connection) -> None:
    """Do the jobs that come through `connection` and answer each with its outcome, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the parent decides
    jobs: queue.SimpleQueue[EncodeJob | DecodeJob] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, jobs), daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported: idle threads would cost time
    coder = Coder()
    with suppress(OSError):  # when the parent has gone; there is nobody to tell
        while True:
            connection.send(coder.outcome_of(jobs.get()))


def _receive(connection: Connection, jobs: queue.SimpleQueue[EncodeJob | DecodeJob]) -> None:
    """Pass jobs on; the end of the connection is that of the parent, and ends this process in the midst."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


class Coder:
    """Encodes and decodes files, sharing models between them."""

    def __init__(self) -> None:
        from codectool.models.loading import load

        self._load = lru_cache(MODELS_KEPT)(load)

    def outcome_of(self, job: EncodeJob | DecodeJob) -> Outcome:
        """Do one file; whatever goes wrong is in the outcome and costs this file only."""
        try:
            Path(job.target).parent.mkdir(parents=True, exist_ok=True)
            return self._encode(job) if isinstance(job, EncodeJob) else self._decode(job)
        except (CodecError, OSError) as error:
            return Outcome(job.source, job.target, Status.FAILED, error=str(error))
        except Exception as error:  # a fault of ours costs one file too
            return Outcome(job.source, job.target, Status.FAILED, error=f"{type(error).__name__}: {error}")

    def _encode(self, job: EncodeJob) -> Outcome:
        from codectool import pipeline

        result = pipeline.encode(job, loader=self._load)
        return Outcome(
            job.source,
            job.target,
            Status.DONE,
            result.duration_s,
            result.bytes_written,
            notes=tuple(result.notes),
        )

    def _decode(self, job: DecodeJob) -> Outcome:
        from codectool import pipeline

        result = pipeline.decode(job, loader=self._load)
        clipped = (
            [f"{job.target}: {result.clipped_samples} samples clipped"] if result.clipped_samples else []
        )
        return Outcome(
            job.source,
            job.target,
            Status.DAMAGED if result.damage else Status.DONE,
            result.duration_s,
            Path(job.source).stat().st_size,
            error=f"{job.source}: {result.damage[0]}" if result.damage else None,
            notes=(*clipped, *result.damage),
        )

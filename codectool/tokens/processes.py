"""The runners that write the shards of a run: in this process, or in several of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from codectool.engines.kernel_caches import bound_kernel_caches
from codectool.engines.threads import THREADS_VARIABLE
from codectool.errors import CodecError, UsageError
from codectool.models.loading import load
from codectool.tokens.encoding import describe
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.records import Description
from codectool.tokens.shards import Shard, Written, write_shard
from codectool.tokens.state import State


class Runner(Protocol):
    """Does the work of a run, on one machine or many."""

    def describe(self, job: TokenizeJob) -> Description:
        """Return the description of the codes that a job makes."""
        ...

    def write(self, job: TokenizeJob, description: Description, shards: Iterator[Shard]) -> Iterator[Written]:
        """Write shards, and yield the outcome of each."""
        ...


def describe_job(job: TokenizeJob) -> Description:
    """Load the model here; return the description of the codes that a job makes."""
    model = _load(job.model, *job.how)
    return describe(model, job.level_count, job.device)


def work(job: TokenizeJob, description: Description, shard: Shard) -> Written:
    """Write one shard, and then what is known of it; UsageError if the model here is not as described."""
    found = describe_job(job)
    if found != description:
        raise UsageError(f"the model here is {found.facts()}, not {description.facts()}")
    model = _load(job.model, *job.how)
    written = write_shard(shard, Path(job.target), job.format, model, description)
    State(Path(job.target), job.format).keep(written)
    return written


@lru_cache(maxsize=1)
def _load(*choices: Any) -> Any:
    return load(*choices)


class InThisProcess:
    """Writes one shard after another; a long recording is encoded on as many threads as there are cores."""

    def describe(self, job: TokenizeJob) -> Description:
        return describe_job(job)

    def write(self, job: TokenizeJob, description: Description, shards: Iterator[Shard]) -> Iterator[Written]:
        yield from (work(job, description, shard) for shard in shards)


class InProcesses:
    """Writes several shards at a time, in processes of one thread; a context manager that ends them."""

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but no threads
        self._workers = workers
        self._pool = ProcessPoolExecutor(workers, context, _prepare)

    def __enter__(self) -> InProcesses:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # Ctrl-C does not wait for whole shards
            for process in multiprocessing.active_children():
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def describe(self, job: TokenizeJob) -> Description:
        described: Description = self._result(self._pool.submit(describe_job, job))
        return described

    def write(self, job: TokenizeJob, description: Description, shards: Iterator[Shard]) -> Iterator[Written]:
        waiting: deque[Future[Written]] = deque()
        for shard in shards:
            waiting.append(self._pool.submit(work, job, description, shard))
            if len(waiting) > 2 * self._workers:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result()
        except BrokenProcessPool:
            raise CodecError(
                "a worker was killed, perhaps for want of memory: the same command goes on, and fewer "
                "`workers` need less"
            ) from None


def _prepare() -> None:
    """Make a worker compute on one thread, leave Ctrl-C to its parent, and end with it."""
    os.environ[THREADS_VARIABLE] = "1"  # read when torch is imported
    bound_kernel_caches()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()

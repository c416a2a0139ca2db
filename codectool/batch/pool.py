"""Worker processes: each has one job at a time, one that dies costs that job and is replaced."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType

from codectool.batch.report import Outcome, Status
from codectool.batch.resume import remove_part
from codectool.batch.worker import work
from codectool.jobs import DecodeJob, EncodeJob

Job = EncodeJob | DecodeJob


@dataclass
class Worker:
    """One process, and the job it has."""

    process: BaseProcess
    connection: Connection
    job: Job | None = None


class Pool:
    """Up to `size` workers, started when there is work; a context manager that ends them, busy or not.

    `concurrent.futures` gives up when one of its processes is killed, which is what a machine short of memory
    does.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._workers: list[Worker] = []

    def outcomes(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        """Do all jobs, taking the next only when a worker is free; yield what came of each as it ends."""
        while True:
            while self._has_room() and (job := next(jobs, None)) is not None:
                self._give(job)
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready and worker.job is not None:
                    yield self._outcome(worker, worker.job)

    def _has_room(self) -> bool:
        return len(self._workers) < self._size or any(worker.job is None for worker in self._workers)

    def _give(self, job: Job) -> None:
        while True:
            worker = next((worker for worker in self._workers if worker.job is None), None) or self._start()
            try:
                worker.connection.send(job)
                worker.job = job
                return
            except OSError:  # it died while it had nothing to do
                self._remove(worker)

    def _outcome(self, worker: Worker, job: Job) -> Outcome:
        try:
            outcome: Outcome = worker.connection.recv()
            worker.job = None
            return outcome
        except (EOFError, OSError):
            self._remove(worker)
            reason = (
                f"its worker {_death_of(worker.process)}, perhaps for want of memory; fewer --jobs need less"
            )
            return Outcome(job.source, job.target, Status.FAILED, error=f"{job.source}: {reason}")

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but no threads
        if hasattr(signal, "pthread_sigmask"):
            resource_tracker.ensure_running()  # when started by the first process, it undoes what follows
        with _interrupts_later():
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()  # else its end would not be seen
            worker = Worker(process, ours)
            self._workers.append(worker)
        return worker

    def _remove(self, worker: Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        if worker.job is not None:
            remove_part(worker.job.target)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in list(self._workers):
            self._remove(worker)


def _death_of(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back, here until this is over, and for good in processes started meanwhile.

    A start that is cut short leaves a process that nobody knows of; and one that is told before it knows what
    to do about it prints a traceback.
    """
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C never interrupts the others
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    # A mask as well, which is inherited; it alone is not enough, for another thread may be given the signal.
    masks = hasattr(signal, "pthread_sigmask")  # not on Windows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)

"""Worker processes: each has a hand of jobs at a time, one that dies costs one job and is replaced."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType

from codectool.batch.report import Outcome, Status
from codectool.batch.resume import remove_part
from codectool.batch.worker import Hand, work


@dataclass
class Worker:
    """One process, and the jobs of its hand that it has not done yet."""

    process: BaseProcess
    connection: Connection
    left: Hand = ()
    duration_s: float = 0.0  # of audio that is done of the file in work


class Pool:
    """Up to `size` workers, started when there is work; a context manager that ends them, busy or not.

    `moved` is told, now and then, the seconds of audio that are done of the files in work.

    `concurrent.futures` gives up when one of its processes is killed, which is what a machine short of memory
    does.
    """

    def __init__(self, size: int, moved: Callable[[float], None] | None = None) -> None:
        self._size = size
        self._moved = moved
        self._workers: list[Worker] = []
        self._again: list[Hand] = []

    def outcomes(self, hands: Iterator[Hand]) -> Iterator[Outcome]:
        """Do all jobs, taking the next hand only when a worker is free; yield what came of each as it ends.

        Which of several jobs killed a worker is not known: each is then done again by itself.
        """
        while True:
            while self._has_room() and (hand := self._next(hands)):
                self._give(hand)
            busy = [worker for worker in self._workers if worker.left]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready and (outcome := self._outcome(worker)) is not None:
                    yield outcome

    def _has_room(self) -> bool:
        return len(self._workers) < self._size or any(not worker.left for worker in self._workers)

    def _next(self, hands: Iterator[Hand]) -> Hand:
        return self._again.pop(0) if self._again else next(hands, ())

    def _give(self, hand: Hand) -> None:
        while True:
            worker = next((worker for worker in self._workers if not worker.left), None) or self._start()
            try:
                worker.connection.send(hand)
                worker.left = hand
                return
            except OSError:  # it died while it had nothing to do
                self._remove(worker)

    def _outcome(self, worker: Worker) -> Outcome | None:
        try:
            outcome: Outcome | float = worker.connection.recv()
            if isinstance(outcome, float):
                worker.duration_s = outcome
                if self._moved is not None:
                    self._moved(sum(each.duration_s for each in self._workers))
                return None
            worker.duration_s = 0.0
            worker.left = tuple(job for job in worker.left if job.target != outcome.target)
            return outcome
        except (EOFError, OSError):
            self._remove(worker)
            if len(worker.left) > 1:
                self._again += [(job,) for job in worker.left]
                return None
            (job,) = worker.left
            died = _death_of(worker.process)
            reason = f"its worker {died}, perhaps for want of memory; fewer `workers` need less"
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
        for job in worker.left:
            remove_part(job.target)

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

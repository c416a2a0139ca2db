"""Worker processes: each has a chunk of tasks at a time, one that dies costs one task and is replaced."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType, TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

from codectool.engines.kernel_caches import bound_kernel_caches
from codectool.engines.threads import THREADS_VARIABLE

TELL_S = 0.5  # between two messages on how far a task has come

Task = TypeVar("Task")
Result = TypeVar("Result")
Tell: TypeAlias = Callable[[float], None]  # takes the seconds of audio that are done of the task in work
# Called once in each worker; gives the function that does a chunk and yields its results, in its order.
Serve: TypeAlias = Callable[[Tell], Callable[[tuple[Task, ...]], Iterable[Result]]]


def serve_calls(_: Tell) -> Callable[[tuple[Callable[[], Any], ...]], Iterator[Any]]:
    """Serve tasks that are functions without arguments; what one raises is its result, too."""

    def result_of(task: Callable[[], Any]) -> Any:
        try:
            return task()
        except Exception as error:
            return error

    return lambda chunk: map(result_of, chunk)


@dataclass
class Worker(Generic[Task]):
    """One process, and the tasks of its chunk that it has not done yet."""

    process: BaseProcess
    connection: Connection
    left: tuple[Task, ...] = ()
    duration_s: float = 0.0  # of audio that is done of the task in work


@dataclass(frozen=True)
class _Moved:
    duration_s: float


class ProcessPool(Generic[Task, Result]):
    """Up to `size` workers of one thread each, started when there is work; a context manager that ends them.

    `concurrent.futures` gives up when one of its processes is killed, which is what a machine short of memory
    does.

    Args:
        size: how many processes, at the most.
        serve: makes the function that does the work; pickled, so a function of a module.
        lost: gives the result of a task whose worker died, from the task and how it died.
        dropped: is told of each task that was cut short, so that what it left can be cleaned up.
        moved: is told, now and then, the seconds of audio that are done of all tasks in work.
    """

    def __init__(
        self,
        size: int,
        serve: Serve[Task, Result],
        lost: Callable[[Task, str], Result],
        dropped: Callable[[Task], None] | None = None,
        moved: Tell | None = None,
    ) -> None:
        self._size = size
        self._serve = serve
        self._lost = lost
        self._dropped = dropped
        self._moved = moved
        self._workers: list[Worker[Task]] = []
        self._again: list[tuple[Task, ...]] = []

    def results(self, chunks: Iterable[tuple[Task, ...]]) -> Iterator[tuple[Task, Result]]:
        """Do all tasks, taking the next chunk only when a worker is free; yield each with its result.

        They come in the order in which they end. Which of several tasks killed a worker is not known: each is
        then done again by itself.
        """
        left = iter(chunks)
        while True:
            while self._has_room() and (chunk := self._next(left)):
                self._give(chunk)
            busy = [worker for worker in self._workers if worker.left]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready:
                    yield from self._received(worker)

    def _has_room(self) -> bool:
        return len(self._workers) < self._size or any(not worker.left for worker in self._workers)

    def _next(self, chunks: Iterator[tuple[Task, ...]]) -> tuple[Task, ...]:
        return self._again.pop(0) if self._again else next(chunks, ())

    def _give(self, chunk: tuple[Task, ...]) -> None:
        while True:
            worker = next((worker for worker in self._workers if not worker.left), None) or self._start()
            try:
                worker.connection.send(chunk)
                worker.left = chunk
                return
            except OSError:  # it died while it had nothing to do
                self._remove(worker)

    def _received(self, worker: Worker[Task]) -> Iterator[tuple[Task, Result]]:
        """Yield the result that a worker sent, if it was one, or that of the task over which it died."""
        try:
            message: Any = worker.connection.recv()
        except (EOFError, OSError):
            self._remove(worker)
            if len(worker.left) > 1:
                self._again += [(task,) for task in worker.left]
            else:
                (task,) = worker.left
                yield task, self._lost(task, _death_of(worker.process))
            return
        if isinstance(message, _Moved):
            worker.duration_s = message.duration_s
            if self._moved is not None:
                self._moved(sum(each.duration_s for each in self._workers))
            return
        worker.duration_s = 0.0
        task, *left = worker.left
        worker.left = tuple(left)
        yield task, message

    def _start(self) -> Worker[Task]:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks, but no threads
        if hasattr(signal, "pthread_sigmask"):
            resource_tracker.ensure_running()  # when started by the first process, it undoes what follows
        with _interrupts_later(), _no_main_module():
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()  # else its end would not be seen
            ours.send(self._serve)
            worker: Worker[Task] = Worker(process, ours)
            self._workers.append(worker)
        return worker

    def _remove(self, worker: Worker[Task]) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        if self._dropped is not None:
            for task in worker.left:
                self._dropped(task)

    def __enter__(self) -> ProcessPool[Task, Result]:
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


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Have a process that is started run nothing of the program that starts it.

    It would run its main module again, for tasks that might be defined there: ours are not. That takes time,
    and a program without `if __name__ == "__main__"` would do all that it does once more.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _work(connection: Connection) -> None:
    """Do the chunks of tasks that come through `connection`, until it closes; send each result back.

    The function that serves comes first, so that what it imports finds the number of threads set.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the parent decides
    os.environ[THREADS_VARIABLE] = "1"  # read when torch is imported: idle threads would cost time
    bound_kernel_caches()
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, messages), daemon=True).start()
    serve: Serve[Any, Any] = messages.get()
    do = serve(_Teller(connection).tell)
    while True:
        for result in do(messages.get()):
            _send(connection, result)


def _send(connection: Connection, message: Any) -> None:
    with suppress(OSError):  # when the parent has gone; there is nobody to tell
        connection.send(message)


def _receive(connection: Connection, messages: queue.SimpleQueue[Any]) -> None:
    """Pass messages on; when the connection ends, so has the parent, and this process ends in the midst."""
    try:
        while True:
            messages.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


class _Teller:
    """Tells the parent how far a task has come, but not often."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told_s = time.monotonic()

    def tell(self, duration_s: float) -> None:
        """Take the seconds of audio done of the task in work."""
        now_s = time.monotonic()
        if now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            _send(self._connection, _Moved(duration_s))

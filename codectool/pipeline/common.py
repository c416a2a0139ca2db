"""What both loops share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codectool.engines.threads import usable_threads
from codectool.models.loaded import LoadedModel

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[float], None]  # called with the seconds of audio done so far
Loader = Callable[
    [str, Path | None, str, str, str, str | None], LoadedModel
]  # from a model's name, weights, device, precision, engine, half

RUN_S = 16.0  # audio a thread is given at once: a second of it is computed twice, more would take more memory


def chunk_s(source: str) -> float:
    """Return the seconds of audio to gather so that all threads have work; 0 for a pipe: it would wait."""
    return RUN_S * usable_threads() if Path(source).is_file() else 0.0


def prefetch(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` of each item, computed on another thread one item ahead of the caller.

    With a single usable thread it is computed in turn: a second one would slow down each short file.
    """
    if usable_threads() == 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        waiting: list[Future[Result]] = []
        try:
            for item in items:
                waiting.append(thread.submit(function, item))
                if len(waiting) > 1:
                    yield waiting.pop(0).result()
            for last in waiting:
                yield last.result()
        finally:
            for left in waiting:  # Ctrl-C waits for what is being computed, but for no more
                left.cancel()

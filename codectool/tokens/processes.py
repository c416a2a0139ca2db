"""The runners that write the shards of a run: in this process, or in several of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

from codectool.engines.processes import ProcessPool, serve_calls
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
        self._pool: ProcessPool[Callable[[], Any], Any] = ProcessPool(workers, serve_calls, _stop)

    def __enter__(self) -> InProcesses:
        self._pool.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._pool.__exit__(*raised)

    def describe(self, job: TokenizeJob) -> Description:
        described: Description = next(self._results([partial(describe_job, job)]))
        return described

    def write(self, job: TokenizeJob, description: Description, shards: Iterator[Shard]) -> Iterator[Written]:
        yield from self._results(partial(work, job, description, shard) for shard in shards)

    def _results(self, tasks: Iterable[Callable[[], Any]]) -> Iterator[Any]:
        for _, result in self._pool.results((task,) for task in tasks):
            if isinstance(result, Exception):
                raise result
            yield result


def _stop(_: object, died: str) -> NoReturn:
    """End the run when a worker died: the state beside the shards says where to go on."""
    why = f"a worker {died}, perhaps for want of memory"
    raise CodecError(f"{why}: the same command goes on, and fewer `workers` need less")

"""Shards written by the actors of a Ray cluster; the only file that imports Ray, which is an extra."""

from __future__ import annotations

import json
import os
import pickle
import socket
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from codectool.engines.kernel_caches import bound_kernel_caches
from codectool.errors import FileError, UsageError
from codectool.tokens.items import Input
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.processes import describe_job, work
from codectool.tokens.records import Description
from codectool.tokens.shards import Shard, Written

ANSWER_S = 10.0  # that a cluster has to answer


class WriteShard:
    """An actor that writes the shards it is given, and keeps its model."""

    def __init__(self, job: TokenizeJob, description: Description) -> None:
        bound_kernel_caches()
        self._job = job
        self._description = description

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Write the shard of a row of a Ray data set; return the row of what came of it."""
        written = work(self._job, self._description, pickle.loads(row["shard"]))
        return {"written": json.dumps(asdict(written))}


class RayRunner:
    """Writes shards on a Ray cluster with Ray Data; a context manager that leaves the cluster at its end.

    `workers` is the number of actors, None for one a core, or one a GPU if the device is one. `address` is
    that of a cluster, None for one on this machine. All nodes must see inputs and outputs under the same
    paths. When a node dies, Ray starts its actors elsewhere, and its shards are written again, whole or not
    at all.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self._workers = workers
        self._address = address
        self._ray = _ray()

    def __enter__(self) -> RayRunner:
        self._own = not self._ray.is_initialized()
        if self._own:
            limits = {} if self._address else {"num_cpus": self._workers}
            _check_answers(self._address)
            try:
                self._ray.init(self._address, log_to_driver=False, logging_level="error", **limits)
            except ConnectionError as error:
                hint = "where it asks for a token, set RAY_AUTH_MODE and the token as Ray's manual says"
                raise UsageError(
                    f"{self._address}: no Ray cluster can be joined ({error}); {hint}"
                ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._ray.shutdown()

    def describe(self, job: TokenizeJob) -> Description:
        remote = self._ray.remote(describe_job).options(**_resources(job))
        described: Description = self._ray.get(remote.remote(_absolute(job)))
        return described

    def write(self, job: TokenizeJob, description: Description, shards: Iterator[Shard]) -> Iterator[Written]:
        rows = [{"shard": pickle.dumps(_absolute_shard(shard))} for shard in shards]
        if not rows:
            return
        kind = "GPU" if "num_gpus" in _resources(job) else "CPU"
        workers = self._workers or int(self._ray.cluster_resources().get(kind, 1))
        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        data = self._ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            WriteShard,
            fn_constructor_args=(_absolute(job), description),
            concurrency=min(workers, len(rows)),
            **_resources(job),
        )
        for row in data.iter_rows():
            yield Written(**json.loads(row["written"]))


def _check_answers(address: str | None) -> None:
    """Raise FileError where nothing answers at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        try:
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise FileError(f"{address}: no Ray cluster answers there ({error})") from error


def _ray() -> ModuleType:
    try:
        import ray.data
    except ImportError:
        raise UsageError("this needs Ray: pip install 'codectool[ray]'") from None
    module: ModuleType = ray
    return module


def _resources(job: TokenizeJob) -> dict[str, int]:
    return {"num_cpus": 1} if job.device == "cpu" else {"num_cpus": 1, "num_gpus": 1}


def _absolute(job: TokenizeJob) -> TokenizeJob:
    """Return a job that means the same whatever folder a worker is in."""
    weights = None if job.weights is None else Path(_full(job.weights))
    return replace(job, source=_full(job.source), target=_full(job.target), weights=weights)


def _absolute_shard(shard: Shard) -> Shard:
    def absolute(each: Input) -> Input:
        place = each.place
        if not place.path:
            return each
        name = _full(place.name) if place.row is not None and place.name else place.name
        return replace(each, place=replace(place, path=_full(place.path), name=name))

    return replace(shard, inputs=tuple(absolute(each) for each in shard.inputs))


def _full(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 (resolving would follow links)

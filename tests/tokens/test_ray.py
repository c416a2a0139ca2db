"""The same shards by Ray, on nodes of which one dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codectool.__main__ import run as command
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.reading import read
from codectool.tokens.running import run
from codectool.tokens.shards import Written
from codectool.tokens.tokenize import Tokenize
from tests.tokens.samples import files_of, write_clips

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).parents[2]
ray = pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each, on this machine."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    os.environ["RAY_AUTH_MODE"] = "disabled"  # else Ray may want a token of whoever joins
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (15 would stand still beside other work)
    memory = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **memory})
    cluster.second = cluster.add_node(num_cpus=1, **memory)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_an_address_where_no_cluster_is_is_told_at_once(folder: Path) -> None:
    write_clips(folder / "clips", 1)
    started_s = time.monotonic()
    assert command(["tokenize", "clips", "out", "--runner", "ray", "--address", "127.0.0.1:9"]) == 4
    assert time.monotonic() - started_s < 60
    assert not Path("out").exists()


def test_another_program_joins_the_cluster_by_its_address(
    cluster: Any, small_weights: Path, tmp_path: Path
) -> None:
    write_clips(tmp_path / "clips", 3)
    run(TokenizeJob(str(tmp_path / "clips"), str(tmp_path / "one"), weights=small_weights))
    options = ["--weights", str(small_weights), "--runner", "ray", "--address", cluster.address]
    program = [sys.executable, "-m", "codectool", "tokenize", "clips", "ray", *options]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "one")


def test_two_nodes_write_what_one_process_does_though_one_dies(
    cluster: Any, small_weights: Path, tmp_path: Path
) -> None:
    from codectool.tokens.ray_runner import RayRunner

    write_clips(tmp_path / "clips", 24)
    run(TokenizeJob(str(tmp_path / "clips"), str(tmp_path / "one"), weights=small_weights, shard_items=2))
    job = TokenizeJob(str(tmp_path / "clips"), str(tmp_path / "ray"), weights=small_weights, shard_items=2)
    told: list[str] = []
    killed = threading.Event()

    def kill() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list((tmp_path / "ray").glob("*.tar")):
            time.sleep(0.01)
        cluster.remove_node(cluster.second, allow_graceful=False)
        if len(list((tmp_path / "ray").glob("*.tar"))) < 12:
            killed.set()

    killer = threading.Thread(target=kill)
    killer.start()

    def tell(written: Written, is_new: bool) -> None:
        told.append(written.shard)

    with RayRunner(2, cluster.address) as runner:
        totals = run(job, tell, runner)
    killer.join()
    assert killed.is_set()  # in the middle
    assert sorted(told) == [f"shard-{number:06}.tar" for number in range(12)]
    assert (totals.items, totals.complete) == (24, True)
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "one")


def test_ray_data_reads_the_shards_and_runs_the_callable(
    cluster: Any, small_weights: Path, tmp_path: Path
) -> None:
    paths = write_clips(tmp_path / "clips", 4)
    for form in ("wds", "parquet"):
        target = str(tmp_path / form)
        run(TokenizeJob(str(tmp_path / "clips"), target, form=form, weights=small_weights))
    expected = {item["id"]: item["codes"] for item in read(tmp_path / "wds")}
    found = ray.data.read_webdataset(str(tmp_path / "wds" / "shard-000000.tar")).take_all()
    assert {row["__key__"] for row in found} == set(expected)
    for row in found:
        np.testing.assert_array_equal(row["npy"], expected[row["__key__"]])
    for row in ray.data.read_parquet(str(tmp_path / "parquet" / "shard-000000.parquet")).take_all():
        np.testing.assert_array_equal(np.stack(row["codes"]), expected[row["id"]])
    data = ray.data.from_items([{"audio": str(path), "name": path.stem} for path in paths])
    choices = {"weights": str(small_weights)}
    tokens = data.map_batches(Tokenize, fn_constructor_kwargs=choices, concurrency=1, batch_size=2)
    named = {key.removeprefix("sub/"): codes for key, codes in expected.items()}
    for row in tokens.take_all():
        np.testing.assert_array_equal(row["codes"], named[row["name"]])

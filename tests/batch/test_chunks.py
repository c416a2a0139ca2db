"""Chunks of jobs, and workers that die over one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codectool.batch import Status
from codectool.batch.resume import remove_part
from codectool.batch.running import CHUNK_BYTES, _chunks, _lost
from codectool.batch.worker import Chunk, serve
from codectool.engines.processes import ProcessPool
from codectool.pipeline import DecodeJob, EncodeJob
from tests.batch.conftest import RATE_HZ, write_noise


def jobs_for(*names: str) -> list[EncodeJob]:
    """Return a job for each of the recordings."""
    return [EncodeJob(name, f"{name}.ecdc") for name in names]


def sources(chunks: Iterator[Chunk]) -> list[list[str]]:
    """Return what the chunks hold."""
    return [[job.source for job in chunk] for chunk in chunks]


@pytest.mark.usefixtures("folder")
def test_short_recordings_make_chunks_and_others_stand_alone() -> None:
    for name in "abcde":
        Path(name).write_bytes(bytes(100))
    Path("large").write_bytes(bytes(CHUNK_BYTES))
    jobs = jobs_for("a", "b", "c", "large", "d", "absent", "e")
    assert sources(_chunks(iter(jobs), 2)) == [["a", "b"], ["c"], ["large"], ["d"], ["absent"], ["e"]]
    assert sources(_chunks(iter(jobs[:3]), 8)) == [["a", "b", "c"]]
    for files in (0, 1):
        assert sources(_chunks(iter(jobs[:3]), files)) == [["a"], ["b"], ["c"]]
    decodes = [DecodeJob(name, f"{name}.wav") for name in "ab"]
    assert sources(_chunks(iter(decodes), 8)) == [["a"], ["b"]]
    assert sources(_chunks(iter([]), 8)) == []
    with_skips = [None, *jobs[:2], None, None, jobs[2], None]
    assert sources(_chunks(iter(with_skips), 8)) == [["a", "b"], ["c"]]
    Path("empty").touch()
    among = jobs_for("empty", "absent", "empty")
    assert sources(_chunks(iter(among), 8)) == [["empty"], ["absent"], ["empty"]]


@pytest.mark.usefixtures("folder")
def test_of_a_chunk_that_kills_its_worker_all_but_the_guilty_are_done(
    small_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    for number, name in enumerate("abc"):
        write_noise(Path(f"{name}.wav"), RATE_HZ + number)
    chunk = tuple(EncodeJob(f"{name}.wav", f"{name}.ecdc", weights=small_weights) for name in "abc")
    # the process that reads its job ends there and then, as one does that is killed
    deadly = Deadly("b.wav", "b.ecdc", weights=small_weights)
    with ProcessPool(1, serve, _lost, lambda job: remove_part(job.target)) as pool:
        outcomes = [outcome for _, outcome in pool.results([(chunk[0], deadly, chunk[2])])]
    assert {outcome.source: outcome.status for outcome in outcomes} == {
        "a.wav": Status.DONE,
        "b.wav": Status.FAILED,
        "c.wav": Status.DONE,
    }
    (failed,) = (outcome for outcome in outcomes if outcome.status is Status.FAILED)
    assert failed.error is not None
    assert failed.error.startswith("b.wav: its worker ended with exit code 9")
    assert sorted(path.name for path in Path().iterdir()) == [
        "a.ecdc",
        "a.wav",
        "b.wav",
        "c.ecdc",
        "c.wav",
    ]


class Deadly(EncodeJob):
    """A job that ends the process which looks at its container."""

    def __getattribute__(self, name: str) -> object:
        if name == "container":
            os._exit(9)
        return super().__getattribute__(name)

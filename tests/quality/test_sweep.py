"""Measurements on several processes: in order, none lost to another that was killed."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from codectool.errors import WeightsError
from codectool.quality.report import Failure
from codectool.quality.sources import Source
from codectool.quality.sweep import PairPoint, run_all
from codectool.quality.table import Measurement


def points(*names: str) -> list[PairPoint]:
    """Return a point for each name."""
    return [PairPoint(Source(Path(name), name, "speech"), Path(name), False, ()) for name in names]


def measured(point: PairPoint) -> Measurement:
    """Measure nothing, or do what the name of a file says."""
    if point.source.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if point.source.name == "missing":
        raise WeightsError("no weights")
    if point.source.name == "slow":
        tempfile.mkdtemp()
        time.sleep(60)
    return Measurement(point.source.name, point.source.kind, 1.0, {})


@pytest.fixture(autouse=True)
def _found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_order(jobs: int) -> None:
    names = [str(number) for number in range(7)]
    results = list(run_all(measured, points(*names), jobs))
    assert [result.name for result in results] == names


def test_a_killed_process_costs_one_measurement() -> None:
    first, killed, last = run_all(measured, points("a", "deadly", "b"), 2)
    assert isinstance(first, Measurement)
    assert isinstance(last, Measurement)
    assert isinstance(killed, Failure)
    assert killed.name == "deadly"
    assert str(killed.error).startswith("its process was killed by SIGKILL")


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_no_file_would_be_spared_is_raised(jobs: int) -> None:
    with pytest.raises(WeightsError, match="no weights"):
        list(run_all(measured, points("a", "missing", "b"), jobs))


def test_a_process_that_is_cut_short_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(WeightsError, match="no weights"):
        list(run_all(measured, points("missing", "slow", "slow"), 2))
    assert list(tmp_path.iterdir()) == []

"""What a worker does with one file, here without its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from codectool import pipeline
from codectool.batch import Status
from codectool.batch.worker import Coder
from codectool.jobs import DecodeJob, EncodeJob
from codectool.models import loading
from tests.batch.conftest import RATE_HZ, write_noise


@pytest.fixture
def job(folder: Path, small_weights: Path) -> EncodeJob:
    """A job for a recording, into a folder that is not there yet."""
    write_noise(Path("a.wav"), RATE_HZ + 7)
    return EncodeJob("a.wav", "out/deep/a.ecdc", weights=small_weights)


def test_the_model_is_loaded_once(job: EncodeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = [], loading.load
    monkeypatch.setattr(loading, "load", lambda *what: (loads.append(what), load(*what))[1])
    coder = Coder()
    decode = DecodeJob(job.target, "back.wav", weights=job.weights)
    for each in (job, replace(job, target="b.ecdc"), decode):
        assert coder.outcome_of(each).status is Status.DONE
    assert len(loads) == 1


def test_a_file_has_the_bytes_that_the_pipeline_writes(job: EncodeJob) -> None:
    outcome = Coder().outcome_of(job)
    pipeline.encode(replace(job, target="alone.ecdc"))
    coded = Path(job.target).read_bytes()
    assert coded == Path("alone.ecdc").read_bytes()
    assert (outcome.duration_s, outcome.coded_bytes) == ((RATE_HZ + 7) / RATE_HZ, len(coded))


def test_damage_is_told(job: EncodeJob) -> None:
    coder = Coder()
    coder.outcome_of(job)
    content = Path(job.target).read_bytes()
    Path("cut.ecdc").write_bytes(content[:-30])
    decode = DecodeJob("cut.ecdc", "cut.wav", weights=job.weights)
    outcome = coder.outcome_of(decode)
    assert outcome.status is Status.DAMAGED
    assert outcome.coded_bytes == len(content) - 30
    assert outcome.error is not None
    assert outcome.error.startswith("cut.ecdc: ")
    assert soundfile.info("cut.wav").frames > 0
    strict = coder.outcome_of(replace(decode, target="strict.wav", strict=True))
    assert strict.status is Status.FAILED
    assert not Path("strict.wav").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "absent.wav"}, "absent.wav: there is no such file"),
        ({"target": "a.wav/out.ecdc"}, "a.wav"),
        ({"weights": Path("absent")}, "no weights for base_24khz"),
        ({"device": "nonsense"}, "--device nonsense: not usable"),
    ],
)
def test_failures_are_outcomes(job: EncodeJob, change: dict[str, object], words: str) -> None:
    outcome = Coder().outcome_of(replace(job, **change))  # type: ignore[arg-type]
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert words in outcome.error


def test_a_fault_of_ours_costs_one_file(job: EncodeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "encode", lambda *_, **__: 1 // 0)
    outcome = Coder().outcome_of(job)
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert outcome.error.startswith("ZeroDivisionError: ")

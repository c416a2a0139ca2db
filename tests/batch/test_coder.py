"""What a worker does with one file, here without its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from codectool import pipeline
from codectool.batch import Outcome, Status
from codectool.batch.worker import Coder
from codectool.models import loading
from codectool.pipeline import DecodeJob, EncodeJob, encoding
from tests.batch.conftest import RATE_HZ, write_noise


@pytest.fixture
def job(folder: Path, small_weights: Path) -> EncodeJob:
    """A job for a recording, into a folder that is not there yet."""
    write_noise(Path("a.wav"), RATE_HZ + 7)
    return EncodeJob("a.wav", "out/deep/a.ecdc", weights=small_weights)


def _outcome_of(coder: Coder, job: EncodeJob | DecodeJob) -> Outcome:
    (outcome,) = coder.outcomes_of((job,))
    return outcome


def test_each_half_of_the_model_is_loaded_once(job: EncodeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = [], loading.load
    monkeypatch.setattr(loading, "load", lambda *what: (loads.append(what), load(*what))[1])
    coder = Coder()
    decode = DecodeJob(job.target, "back.wav", weights=job.weights)
    for each in (job, replace(job, target="b.ecdc"), decode, replace(decode, target="again.wav")):
        assert _outcome_of(coder, each).status is Status.DONE
    assert [what[-1] for what in loads] == ["encoder", "decoder"]


def test_a_file_has_the_bytes_that_the_pipeline_writes(job: EncodeJob) -> None:
    outcome = _outcome_of(Coder(), job)
    pipeline.encode(replace(job, target="alone.ecdc"))
    coded = Path(job.target).read_bytes()
    assert coded == Path("alone.ecdc").read_bytes()
    assert (outcome.duration_s, outcome.coded_bytes) == ((RATE_HZ + 7) / RATE_HZ, len(coded))


def test_a_chunk_has_the_bytes_of_each_alone(job: EncodeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [RATE_HZ, RATE_HZ + 5, 0, RATE_HZ - 7, 3 * RATE_HZ]
    for number, samples in enumerate(lengths):
        write_noise(Path(f"{number}.wav"), samples, number)
    Path("1.wav").write_bytes(b"no audio")
    chunk = tuple(replace(job, source=f"{number}.wav", target=f"out/{number}.ecdc") for number in range(5))
    outcomes = list(Coder().outcomes_of(chunk))
    assert [outcome.target for outcome in outcomes] == [each.target for each in chunk]
    assert [outcome.status is Status.DONE for outcome in outcomes] == [True, False, True, True, True]
    assert outcomes[1].error is not None
    assert outcomes[1].error.startswith("1.wav: ")
    for each in (chunk[0], *chunk[2:]):
        pipeline.encode(replace(each, target="alone.ecdc", overwrite=True))
        assert Path(each.target).read_bytes() == Path("alone.ecdc").read_bytes()
    made = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert sorted(made) == ["0.ecdc", "2.ecdc", "3.ecdc", "4.ecdc"]

    def short_of_memory(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(encoding, "encode_clips", short_of_memory)
    again = tuple(replace(each, target=each.target.replace("out", "again")) for each in chunk)
    assert [outcome.status for outcome in Coder().outcomes_of(again)] == [each.status for each in outcomes]
    assert {path.name: path.read_bytes() for path in Path("again").iterdir()} == made


def test_outcomes_are_told_as_their_files_appear(job: EncodeJob) -> None:
    write_noise(Path("long.wav"), 17 * RATE_HZ)  # too long to be encoded with others
    sources = ("long.wav", "a.wav", "a.wav", "long.wav")
    chunk = tuple(replace(job, source=name, target=f"{n}.ecdc") for n, name in enumerate(sources))
    for done, _ in enumerate(Coder().outcomes_of(chunk), 1):
        assert len(list(Path().glob("*.ecdc"))) == done


def test_an_input_that_goes_while_it_is_decoded_is_a_failure(
    job: EncodeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    coder = Coder()
    _outcome_of(coder, job)
    decode = pipeline.decode
    monkeypatch.setattr(
        pipeline, "decode", lambda *_, **how: (decode(*_, **how), Path(job.target).unlink())[0]
    )
    outcome = _outcome_of(coder, DecodeJob(job.target, "back.wav", weights=job.weights))
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert "No such file" in outcome.error


def test_damage_is_told(job: EncodeJob) -> None:
    coder = Coder()
    _outcome_of(coder, job)
    content = Path(job.target).read_bytes()
    Path("cut.ecdc").write_bytes(content[:-30])
    decode = DecodeJob("cut.ecdc", "cut.wav", weights=job.weights)
    outcome = _outcome_of(coder, decode)
    assert outcome.status is Status.DAMAGED
    assert outcome.coded_bytes == len(content) - 30
    assert outcome.error is not None
    assert outcome.error.startswith("cut.ecdc: ")
    assert soundfile.info("cut.wav").frames > 0
    strict = _outcome_of(coder, replace(decode, target="strict.wav", strict=True))
    assert strict.status is Status.FAILED
    assert not Path("strict.wav").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "absent.wav"}, "absent.wav: there is no such file"),
        ({"target": "a.wav/out.ecdc"}, "a.wav"),
        ({"weights": Path("absent")}, "no weights for base_24khz"),
        ({"device": "nonsense"}, "device 'nonsense': not usable"),
    ],
)
def test_failures_are_outcomes(job: EncodeJob, change: dict[str, object], words: str) -> None:
    outcome = _outcome_of(Coder(), replace(job, **change))  # type: ignore[arg-type]
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert words in outcome.error


def test_a_fault_of_ours_costs_one_file(job: EncodeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "open_source", lambda *_, **__: 1 // 0)
    outcome = _outcome_of(Coder(), job)
    assert outcome.status is Status.FAILED
    assert outcome.error is not None
    assert outcome.error.startswith("a.wav: ZeroDivisionError: ")

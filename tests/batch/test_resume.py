"""What is there already: trusted, refused or done anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool import pipeline
from codectool.audio.source import open_source
from codectool.batch import BatchJob, Item, Status
from codectool.batch.resume import Resumer, remove_part
from codectool.errors import WeightsError
from codectool.models.loaded import LoadedModel
from codectool.models.weights import weights_fingerprint
from codectool.pipeline import DecodeJob, EncodeJob
from tests.batch.conftest import RATE_HZ, write_noise

ITEM = Item("in/a.wav", "out/a.ecdc")
BACK = Item("out/a.ecdc", "back/a.wav")


@pytest.fixture
def encoded(folder: Path, small_model: LoadedModel) -> EncodeJob:
    """One recording and what it became, and the job that encodes the folder again."""
    write_noise(Path(ITEM.source), 2 * RATE_HZ)
    Path("out").mkdir()
    job = EncodeJob("in", "out", weights=small_model.weights_path)
    pipeline.encode(replace(job, source=ITEM.source, target=ITEM.target), loader=lambda *_: small_model)
    return job


@pytest.fixture
def decoded(encoded: EncodeJob, small_model: LoadedModel) -> DecodeJob:
    """What that became again, and the job that decodes the folder once more."""
    Path("back").mkdir()
    job = DecodeJob("out", "back")
    pipeline.decode(replace(job, source=BACK.source, target=BACK.target), loader=lambda *_: small_model)
    return job


def status(job: EncodeJob | DecodeJob, item: Item, *, skip_existing: bool = False) -> tuple[Status, str]:
    """Return what is known of a file, PLANNED if it is to be done, and the error."""
    outcome = Resumer(BatchJob(job, skip_existing=skip_existing)).outcome_of(item)
    return (Status.PLANNED, "") if outcome is None else (outcome.status, outcome.error or "")


def test_an_encode_of_the_same_job_is_skipped(encoded: EncodeJob) -> None:
    assert status(encoded, ITEM) == (Status.SKIPPED, "")
    assert status(replace(encoded, rate_bps=6000.0), ITEM) == (Status.SKIPPED, "")
    assert status(replace(encoded, overwrite=True), ITEM) == (Status.PLANNED, "")  # redoes all it names
    Path(ITEM.target).unlink()
    assert status(encoded, ITEM) == (Status.PLANNED, "")


def test_an_encode_of_another_rate_is_not(encoded: EncodeJob) -> None:
    other = replace(encoded, rate_bps=3000.0)
    found, error = status(other, ITEM)
    assert found is Status.FAILED
    assert (
        error == "out/a.ecdc: exists already, but has levels 8, not 4; use `overwrite=True` to overwrite it"
    )
    assert status(replace(other, overwrite=True), ITEM) == (Status.PLANNED, "")
    assert status(other, ITEM, skip_existing=True) == (Status.SKIPPED, "")


def test_an_encode_by_other_weights_is_not(encoded: EncodeJob, other_weights: Path) -> None:
    found, error = status(replace(encoded, weights=other_weights), ITEM)
    assert found is Status.FAILED
    assert f"not {weights_fingerprint(other_weights).hex()};" in error


@pytest.mark.parametrize(
    ("rate_hz", "channels", "words"),
    [(48_000, 1, "has original rate hz 24000, not 48000"), (24_000, 2, "has original channels 1, not 2")],
)
def test_an_encode_of_another_recording_is_not(
    encoded: EncodeJob, rate_hz: int, channels: int, words: str
) -> None:
    soundfile.write(ITEM.source, np.zeros((100, channels)), rate_hz)
    found, error = status(encoded, ITEM)
    assert found is Status.FAILED
    assert words in error


def cut(data: bytes) -> bytes:
    return data[:-20]


def cut_at_a_packet(data: bytes) -> bytes:
    return data[: data.rindex(b"\xec\xdc")]


def with_garbage(data: bytes) -> bytes:
    return data + bytes(50)


def with_a_flipped_bit(data: bytes) -> bytes:
    return data[:300] + bytes([data[300] ^ 1]) + data[301:]


@pytest.mark.parametrize("harm", [cut, cut_at_a_packet, with_garbage, with_a_flipped_bit])
def test_an_encode_that_is_not_whole_is_not_done(encoded: EncodeJob, harm: Callable[[bytes], bytes]) -> None:
    Path(ITEM.target).write_bytes(harm(Path(ITEM.target).read_bytes()))
    found, error = status(encoded, ITEM)
    assert found is Status.FAILED
    assert "out/a.ecdc: exists already, but is not whole: " in error


def test_an_encode_of_a_longer_recording_with_an_older_date_is_not_done(encoded: EncodeJob) -> None:
    write_noise(Path(ITEM.source), 2 * RATE_HZ + 1)
    os.utime(ITEM.source, (0, 0))
    found, error = status(encoded, ITEM)
    assert found is Status.FAILED
    assert "holds 48000 samples, not 48001" in error


def test_a_recording_that_claims_more_than_it_holds_is_counted(
    encoded: EncodeJob, small_model: LoadedModel
) -> None:
    soundfile.write("in/b.mp3", np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ), RATE_HZ)
    Path("in/b.mp3").write_bytes(Path("in/b.mp3").read_bytes()[:-3000])
    with open_source("in/b.mp3") as source:
        assert source.length_samples != sum(block.shape[1] for block in source.blocks())
    item = Item("in/b.mp3", "out/b.ecdc")
    pipeline.encode(replace(encoded, source=item.source, target=item.target), loader=lambda *_: small_model)
    assert status(encoded, item) == (Status.SKIPPED, "")


# What stands behind a FLAC's last sample is not seen, and takes nothing from the sound.
@pytest.mark.parametrize(("suffix", "harm"), [(".wav", cut), (".wav", with_garbage), (".flac", cut)])
def test_a_decode_that_is_not_whole_is_not_done(
    decoded: DecodeJob, small_model: LoadedModel, suffix: str, harm: Callable[[bytes], bytes]
) -> None:
    item = Item(BACK.source, f"back/b{suffix}")
    pipeline.decode(replace(decoded, source=item.source, target=item.target), loader=lambda *_: small_model)
    assert status(decoded, item) == (Status.SKIPPED, "")
    Path(item.target).write_bytes(harm(Path(item.target).read_bytes()))
    assert status(decoded, item)[0] is Status.FAILED


@pytest.mark.parametrize("content", [b"", b"something else", b"ECDC\x01"])
def test_foreign_files_are_not(encoded: EncodeJob, content: bytes) -> None:
    Path(ITEM.target).write_bytes(content)
    found, error = status(encoded, ITEM)
    assert found is Status.FAILED
    assert "is not an .ecdc file that can be read; use `overwrite=True`" in error
    assert status(replace(encoded, overwrite=True), ITEM) == (Status.PLANNED, "")


def test_a_recording_that_is_gone_is_an_error_of_its_own(encoded: EncodeJob) -> None:
    Path(ITEM.source).unlink()
    assert status(encoded, ITEM) == (Status.FAILED, "in/a.wav: there is no such file")


def test_a_decode_of_the_same_file_is_skipped(decoded: DecodeJob) -> None:
    assert status(decoded, BACK) == (Status.SKIPPED, "")


def test_a_decode_of_another_length_is_not(decoded: DecodeJob) -> None:
    found, error = status(replace(decoded, start_s=0.5, duration_s=1.0), BACK)
    assert found is Status.FAILED
    assert "holds 48000 samples at 24000 Hz in 1 channels as PCM_16, not 24000 samples at" in error
    soundfile.write(BACK.target, np.zeros(RATE_HZ), RATE_HZ)
    assert status(decoded, BACK)[0] is Status.FAILED
    assert status(replace(decoded, start_s=0.5, duration_s=1.0), BACK) == (Status.SKIPPED, "")
    assert status(replace(decoded, start_s=1.0, duration_s=9.0), BACK) == (Status.SKIPPED, "")


def test_a_decode_to_other_samples_is_not(decoded: DecodeJob, small_model: LoadedModel) -> None:
    assert "as PCM_16, not 48000 samples" in status(replace(decoded, subtype="FLOAT"), BACK)[1]
    raw = replace(decoded, raw="s16le")
    assert "holds 96080 bytes, not 96000" in status(raw, BACK)[1]
    Path(BACK.target).unlink()
    job = replace(raw, source=BACK.source, target=BACK.target)
    pipeline.decode(job, loader=lambda *_: small_model)
    assert status(raw, BACK) == (Status.SKIPPED, "")
    assert "holds 96000 bytes, not 192000" in status(replace(raw, raw="f32le"), BACK)[1]


def test_what_is_older_than_its_input_is_not(encoded: EncodeJob) -> None:
    later_ns = Path(ITEM.target).stat().st_mtime_ns + 10**9
    os.utime(ITEM.source, ns=(later_ns, later_ns))
    found, error = status(encoded, ITEM)
    assert found is Status.FAILED
    assert "is older than its input; use `overwrite=True`" in error
    assert status(replace(encoded, overwrite=True), ITEM) == (Status.PLANNED, "")


def test_what_came_of_a_damaged_file_stays_a_failure(decoded: DecodeJob) -> None:
    coded = Path(BACK.source)
    times = coded.stat()
    data = bytearray(coded.read_bytes())
    data[len(data) // 3] ^= 1
    coded.write_bytes(data)
    os.utime(coded, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert status(decoded, BACK) == (
        Status.DAMAGED,
        "out/a.ecdc: is damaged; back/a.wav has what could be saved",
    )
    found, error = status(replace(decoded, strict=True), BACK)
    assert found is Status.FAILED
    assert "holds what could be saved of a damaged file" in error


def test_a_decode_that_cannot_be_judged_is_not(decoded: DecodeJob) -> None:
    Path(BACK.target).write_bytes(b"text")
    assert "is not audio that can be read" in status(decoded, BACK)[1]
    coded = Path(BACK.source)
    coded.write_bytes(coded.read_bytes()[:-100])
    assert "the end of the coded file is missing" in status(decoded, BACK)[1]


def test_the_fingerprint_without_loading(small_model: LoadedModel, tmp_path: Path) -> None:
    assert weights_fingerprint(small_model.weights_path) == small_model.fingerprint
    for content in (b"", b"not weights"):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(WeightsError, match="not a readable safetensors file"):
            weights_fingerprint(tmp_path / "bad")


def test_parts_are_removed(folder: Path) -> None:
    Path(".a.ecdc.part").touch()
    remove_part("a.ecdc")
    remove_part("b.ecdc")
    assert list(folder.iterdir()) == []

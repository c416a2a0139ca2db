"""Whole runs: from a folder to shards, interrupted, in parts, and back to sound."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.__main__ import run as command
from codectool.cli.tokenize import device_of, part_of
from codectool.container import codes_of, open_reader
from codectool.errors import CodecError, DataError, FileError, UsageError
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.processes import InProcesses, InThisProcess
from codectool.tokens.reading import read
from codectool.tokens.records import Description
from codectool.tokens.running import run
from codectool.tokens.shards import Shard, Written
from tests.tokens.samples import RATE_HZ, files_of, ids, tokenize, write_clips


def test_codes_are_those_of_codec_encode(clips: Path) -> None:
    totals = tokenize(clips, "out", shard_items=3)
    assert (totals.shards, totals.items, totals.failed, totals.complete) == (3, 7, 0, True)
    found = list(read("out"))
    assert sorted(item["id"] for item in found) == [
        "clip000", "clip001", "clip003", "clip004", "clip006", "sub/clip002", "sub/clip005",
    ]  # fmt: skip
    for item in found:
        source = clips / f"{item['id']}.wav"
        assert command(["encode", "-q", "-f", str(source), "alone.ecdc"]) == 0
        with Path("alone.ecdc").open("rb") as file:
            np.testing.assert_array_equal(codes_of(open_reader(file))[0], item["codes"])
        info = soundfile.info(source)
        assert (item["samples"], item["sample_rate_hz"], item["channels"]) == (
            info.frames,
            RATE_HZ,
            info.channels,
        )


@pytest.mark.parametrize("form", ["wds", "parquet", "shar", "jsonl", "npy"])
def test_sound_comes_back_with_its_exact_length(clips: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    assert command(["tokenize", "-q", "clips", "out", "--format", form, "--jobs", "1", "--levels", "4"]) == 0
    assert command(["verify", "-q", "out"]) == 0
    assert command(["decode", "-q", "out", "back", "--to", "flac"]) == 0
    for source in clips.rglob("*.wav"):
        back = soundfile.info(Path("back") / source.relative_to(clips).with_suffix(".flac"))
        was = soundfile.info(source)
        assert (back.frames, back.samplerate) == (was.frames, was.samplerate)


class KilledAt(InThisProcess):
    """Ends after so many recordings were opened, in whatever shard that is."""

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        from codectool.tokens.items import Place

        opened = Place.open_audio

        def counted(place: Place, name: str) -> object:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return opened(place, name)

        self.left = count
        monkeypatch.setattr(Place, "open_audio", counted)


@pytest.mark.parametrize("after", range(7))
def test_a_run_that_ends_anywhere_goes_on_to_the_same_bytes(
    clips: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = TokenizeJob("clips", "out", shard_items=2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        run(job, runner=KilledAt(after, patch))
    assert not [name for name in files_of(Path("out")) if name.endswith(".part")]
    totals = run(job)
    assert totals.skipped == after // 2
    tokenize("clips", "undisturbed", shard_items=2)
    assert files_of(Path("out")) == files_of(Path("undisturbed"))


def test_parts_are_together_what_one_run_writes(clips: Path) -> None:
    first = tokenize(clips, "parts", shard_items=2, part=(1, 3))
    assert (first.shards, first.complete) == (1, False)
    assert not Path("parts/index.jsonl").exists()
    assert not tokenize(clips, "parts", shard_items=2, part=(0, 3)).complete
    assert tokenize(clips, "parts", shard_items=2, part=(2, 3)).complete
    tokenize(clips, "whole", shard_items=2)
    assert files_of(Path("parts")) == files_of(Path("whole"))
    index = [json.loads(line) for line in Path("parts/index.jsonl").read_text().splitlines()]
    assert [line["items"] for line in index] == [2, 2, 2, 1]


def test_processes_write_the_same(clips: Path) -> None:
    tokenize(clips, "two", shard_items=2, workers=2)
    tokenize(clips, "one", shard_items=2)
    assert files_of(Path("two")) == files_of(Path("one"))


class Deadly:
    """A job that ends the process which looks at its model, as a machine short of memory does."""

    @property
    def model(self) -> str:
        os._exit(9)


def test_a_worker_that_dies_ends_the_run_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    said = r"a worker ended with exit code 9, .*: the same command goes on, and fewer `workers` need less"
    with InProcesses(2) as processes, pytest.raises(CodecError, match=said):
        processes.describe(Deadly())  # type: ignore[arg-type]


def test_launchers_say_which_part() -> None:
    assert part_of({}) == (0, 1)
    assert part_of({"RANK": "1", "WORLD_SIZE": "4"}) == (1, 4)
    assert part_of({"SLURM_PROCID": "2", "SLURM_NTASKS": "3", "RANK": "0", "WORLD_SIZE": "1"}) == (2, 3)
    assert part_of({"SLURM_PROCID": "2", "SLURM_NTASKS": "3", "RANK": "5", "WORLD_SIZE": "12"}) == (5, 12)
    with pytest.raises(UsageError):
        part_of({"RANK": "4", "WORLD_SIZE": "4"})
    assert device_of("cuda", {"LOCAL_RANK": "3"}) == "cuda:3"
    assert device_of("cpu", {"LOCAL_RANK": "3"}) == "cpu"


def test_another_data_set_is_refused(clips: Path) -> None:
    tokenize(clips, "out", shard_items=3)
    with pytest.raises(UsageError, match="levels 8, not 4"):
        tokenize(clips, "out", shard_items=3, levels=4)
    with pytest.raises(UsageError, match="shard items 3, not 4"):
        tokenize(clips, "out", shard_items=4)
    write_clips(clips / "more", 1)
    with pytest.raises(UsageError, match="other recordings"):
        tokenize(clips, "out", shard_items=3)
    assert tokenize(clips, "out", shard_items=4, overwrite=True).items == 8
    assert len(ids("out")) == 8


def test_what_fails_is_listed_and_the_run_goes_on(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clips / "empty.wav").write_bytes(b"")
    (clips / "text.flac").write_bytes(b"no audio at all" * 100)
    soundfile.write(clips / "silent.wav", np.zeros((0, 1)), RATE_HZ)
    options = ["tokenize", "-q", "clips", "out", "--jobs", "1", "--report", "report.jsonl"]
    assert command(options) == 1
    errors = {row["id"]: row for row in map(json.loads, Path("out/errors.jsonl").read_text().splitlines())}
    assert {key: row["reason"].split(";")[0] for key, row in errors.items()} == {
        "empty": "is empty",
        "silent": "holds no sound",
        "text": "is not audio of a known format",
    }
    assert str(clips) not in Path("out/errors.jsonl").read_text()
    assert len(ids("out")) == 7
    assert "empty: is empty" in capsys.readouterr().err
    assert command(options) == 1  # and again, with nothing to do
    assert [json.loads(line)["status"] for line in Path("report.jsonl").read_text().splitlines()] == [
        "done",
        "skipped",
    ]
    for name in ("empty.wav", "text.flac", "silent.wav"):
        shutil.copy(clips / "clip000.wav", clips / name)
    assert tokenize(clips, "out").failed == 3  # is whole, and stays as it is
    assert tokenize(clips, "out", retry=True).items == 10
    assert tokenize(clips, "out").skipped == 1


def test_failures_that_pass_can_be_tried_again(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("codectool.tokens.items.open_source", broken)
        assert tokenize(clips, "out").failed == 7
    assert tokenize(clips, "out").failed == 7
    assert Path("out/errors.jsonl").exists()
    assert tokenize(clips, "out", retry=True).items == 7
    assert not Path("out/errors.jsonl").exists()


def test_layouts_and_levels_on_reading(clips: Path) -> None:
    tokenize(clips, "out")
    parallel = next(read("out"))
    assert next(read("out", "frames"))["codes"].shape == parallel["codes"].T.shape
    assert next(read("out", "flat", levels=2))["codes"].shape == (2 * parallel["frames"],)
    assert set(next(read("out", "columns", levels=3))["codes"]) == {"level_0", "level_1", "level_2"}
    with pytest.raises(UsageError):
        next(read("out", "spiral"))


def test_info_counts_and_verify_finds(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenize(clips, "out", shard_items=4)
    assert command(["info", "--json", "out"]) == 0
    facts = json.loads(capsys.readouterr().out)
    expected_s = sum(soundfile.info(path).duration for path in clips.rglob("*.wav"))
    assert facts["items"] == 7
    assert facts["hours"] == pytest.approx(expected_s / 3600)
    assert facts["frame_rate"] == [75, 1]
    assert len(facts["use"]) == 8
    assert all(1 < level["perplexity"] <= 1024 and level["dead_codes"] > 0 for level in facts["use"])
    shard = Path("out/shard-000001.tar")
    data = bytearray(shard.read_bytes())
    data[2000] ^= 1
    shard.write_bytes(data)
    assert command(["verify", "out"]) == 3
    told = capsys.readouterr()
    assert told.out == "out/shard-000000.tar: good\n"
    assert "is not the file that was written" in told.err


def test_check_compares_with_single_files(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["tokenize", "-q", "clips", "out", "--jobs", "1", "--check", "4"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 recordings alone: 0 of ")
    assert command(["tokenize", "-q", "out/shard-000000.tar", "none"]) == 2  # holds no audio


def test_what_cannot_be_asked_is_refused(clips: Path) -> None:
    for error, choices in (
        (UsageError, {"form": "ark"}),
        (UsageError, {"part": (2, 2)}),
        (UsageError, {"levels": 33}),
    ):
        with pytest.raises(error):
            tokenize(clips, "out", **choices)
    with pytest.raises(UsageError, match="lies in the input"):
        tokenize(clips, clips / "out")
    with pytest.raises(FileError):
        tokenize("nothing.jsonl", "out")
    Path("bad.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(DataError):
        tokenize("bad.tar", "out")
    assert not Path("out").exists()


def test_a_run_refuses_a_model_that_is_another_elsewhere(clips: Path) -> None:
    class Elsewhere(InThisProcess):
        def write(
            self, job: TokenizeJob, description: Description, shards: Iterator[Shard]
        ) -> Iterator[Written]:
            return super().write(job, replace(description, precision="bfloat16"), shards)

    with pytest.raises(UsageError, match="bfloat16"):
        run(TokenizeJob("clips", "out"), runner=Elsewhere())

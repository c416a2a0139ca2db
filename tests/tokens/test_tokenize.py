"""Whole runs: from any input to shards, interrupted, in parts, and back to sound."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.__main__ import run as command
from codectool.cli.tokenize import device_of, part_of
from codectool.container import codes_of, open_reader
from codectool.errors import DataError, FileError, UsageError
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.processes import InThisProcess
from codectool.tokens.reading import read
from codectool.tokens.records import Description
from codectool.tokens.running import Totals, run
from codectool.tokens.shards import Shard, Written
from tests.tokens.samples import RATE_HZ, files_of, write_clips


@pytest.fixture
def clips(tmp_path: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of seven clips, and a small model to encode them with."""
    monkeypatch.setenv("CODECTOOL_WEIGHTS", str(small_weights))
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / "clips", 7)
    return tmp_path / "clips"


def tokenize(source: Path | str, target: Path | str, **choices: object) -> Totals:
    return run(TokenizeJob(str(source), str(target), **choices))  # type: ignore[arg-type]


def ids(source: Path | str) -> list[str]:
    return [item["id"] for item in read(source)]


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


def test_launchers_say_which_part() -> None:
    assert part_of({}) == (0, 1)
    assert part_of({"RANK": "1", "WORLD_SIZE": "4"}) == (1, 4)
    assert part_of({"SLURM_PROCID": "2", "SLURM_NTASKS": "3", "RANK": "0", "WORLD_SIZE": "1"}) == (2, 3)
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
    with pytest.raises(UsageError):  # sizes are others
        tokenize(clips, "out", retry=True)


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


def test_two_names_that_differ_by_their_suffix_stay_apart(clips: Path) -> None:
    shutil.copy(clips / "clip000.wav", clips / "clip001.flac")
    tokenize(clips, "out")
    assert {"clip001.flac", "clip001.wav"} < set(ids("out"))
    with tarfile.open("out/shard-000000.tar") as archive:
        assert {"clip001_flac.npy", "clip001_wav.npy"} < set(archive.getnames())


def test_a_manifest_passes_its_fields_through(clips: Path) -> None:
    rows = [
        {"audio_filepath": "clips/clip000.wav", "text": "eins", "duration": 3.5},
        {"id": "zwei.2", "audio": {"path": str(clips / "clip001.wav")}, "speaker": 4},
        {"audio_path": str(clips / "clip003.wav")},
        {"text": "no audio"},
    ]
    Path("lists").mkdir()
    Path("manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    totals = tokenize("manifest.jsonl", "out")
    assert (totals.items, totals.failed) == (3, 2)
    found = {item["id"]: item for item in read("out")}
    assert set(found) == {"clips/clip000", "clips/clip003", "zwei.2"}
    assert (found["clips/clip000"]["text"], found["clips/clip000"]["duration"]) == ("eins", 3.5)
    assert found["zwei.2"]["speaker"] == 4
    shutil.copy("manifest.jsonl", "lists/manifest.jsonl")
    Path("lists/plain.txt").write_text(f"{clips / 'clip000.wav'}\n{clips / 'clip001.wav'}\n")
    tokenize("lists/plain.txt", "plain")
    told = [key.rpartition("-")[0] for key in sorted(ids("plain"))]
    assert told == ["clip000", "clip001"]  # and no folder


def test_a_manifest_may_name_parts_of_recordings(clips: Path) -> None:
    sound, rate_hz = soundfile.read(clips / "clip000.wav")
    rows = [
        {"audio": "clips/clip000.wav", "offset": 0.05, "duration": 0.02},
        {"audio": "clips/clip000.wav", "offset": 0.01, "duration": 99},
        {"audio": "clips/clip000.wav", "offset": 99, "duration": 1},
    ]
    Path("parts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert tokenize("parts.jsonl", "out").failed == 1
    soundfile.write("00000050.wav", sound[800:1120], rate_hz)
    soundfile.write("00000010.wav", sound[160:], rate_hz)
    tokenize("000000*.wav", "cut")
    for was, expected in zip(read("out"), read("cut"), strict=True):
        assert was["id"] == f"clips/clip000-{expected['id']}"
        assert was["samples"] == expected["samples"]
        np.testing.assert_array_equal(was["codes"], expected["codes"])


def test_no_path_is_told_unless_asked_for(clips: Path) -> None:
    tokenize(clips, "out")
    assert not any(str(clips).encode() in data for data in files_of(Path("out")).values())
    tokenize(clips, "told", keep_paths=True)
    assert {item["path"] for item in read("told")} == {str(path) for path in clips.rglob("*.wav")}


def test_tar_files_with_audio_are_read(clips: Path) -> None:
    with tarfile.open("audio.tar", "w") as archive:
        for path in sorted(clips.glob("*.wav")):
            archive.add(path, path.name)
            text = path.with_suffix(".json")
            text.write_text(json.dumps({"text": path.stem}))
            archive.add(text, text.name)
    tokenize("audio.tar", "out")
    tokenize(clips, "plain")
    plain = {item["id"]: item for item in read("plain")}
    found = list(read("out"))
    assert len(found) == 5
    for item in found:
        assert item["text"] == item["id"]
        np.testing.assert_array_equal(item["codes"], plain[item["id"]]["codes"])


def test_parquet_with_audio_is_read(clips: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    from pyarrow import parquet

    paths = sorted(clips.glob("*.wav"))
    audio = [{"bytes": path.read_bytes(), "path": f"clips/{path.name}"} for path in paths]
    audio[0]["bytes"] = None  # the file is beside it
    table = pyarrow.table({"audio": audio, "text": [path.stem for path in paths]})
    parquet.write_table(table, "audio.parquet", row_group_size=2)
    tokenize("audio.parquet", "out")
    tokenize(clips, "plain")
    plain = {item["id"]: item for item in read("plain")}
    for item in read("out"):
        assert item["id"] == f"clips/{item['text']}"
        np.testing.assert_array_equal(item["codes"], plain[item["text"]]["codes"])
    assert len(ids("out")) == 5


def test_coded_files_need_no_encoding(clips: Path) -> None:
    assert command(["encode", "-q", "clips", "coded", "-r", "--jobs", "1", "-b", "12kbps"]) == 0
    tokenize("coded", "out")
    tokenize("clips", "direct")
    for was, expected in zip(read("out"), read("direct"), strict=True):
        assert (was["id"], was["samples"], was["channels"]) == (
            expected["id"],
            expected["samples"],
            expected["channels"],
        )
        np.testing.assert_array_equal(was["codes"], expected["codes"])
    assert tokenize("coded", "more", levels=32).failed == 7


@pytest.mark.filterwarnings("ignore")
def test_lhotse_shar_gets_codes_beside_its_cuts(clips: Path) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed: pip install '.[test]'")
    names = sorted(clips.glob("*.wav"))
    recordings = [lhotse.Recording.from_file(path) for path in names]
    cuts = [lhotse.MonoCut(each.id, 0, each.duration, 0, recording=each) for each in recordings]
    Path("shar").mkdir()
    lhotse.CutSet.from_cuts(cuts).to_shar("shar", fields={"recording": "wav"}, shard_size=2)
    assert tokenize("shar", "shar", form="shar").items == 5
    found = list(lhotse.CutSet.from_shar(in_dir="shar"))
    assert [cut.id for cut in found] == [path.stem for path in names]
    tokenize(clips, "plain")
    plain = {item["id"]: item["codes"] for item in read("plain")}
    for cut in found:
        assert cut.recording.num_samples > 0
        if soundfile.info(clips / f"{cut.id}.wav").channels == 1:
            np.testing.assert_array_equal(cut.codes.load(), plain[cut.id])


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

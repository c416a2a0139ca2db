"""From any input to shards: folders, manifests, tar and Parquet files, coded files, Lhotse Shar."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.__main__ import run as command
from codectool.tokens.reading import read
from tests.tokens.samples import files_of, ids, tokenize


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


def test_a_table_that_was_written_again_is_read_again(clips: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    from pyarrow import parquet

    for number, name in enumerate(("clip000.wav", "clip001.wav")):
        table = pyarrow.table({"audio": [(clips / name).read_bytes()]})
        parquet.write_table(table, "audio.parquet")
        tokenize("audio.parquet", f"out{number}")
        (item,) = read(f"out{number}")
        assert item["samples"] == soundfile.info(clips / name).frames


def test_coded_files_need_no_encoding(clips: Path) -> None:
    assert command(["encode", "-q", "clips", "coded", "-r", "--jobs", "1", "-b", "6kbps"]) == 0
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

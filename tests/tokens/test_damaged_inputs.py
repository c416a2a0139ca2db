"""What cannot be read costs itself only, is told, and leads nowhere it should not."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from codectool.__main__ import run as command
from codectool.errors import UsageError
from codectool.tokens.decoding import DecodeTokensJob, decode_tokens
from codectool.tokens.formats import FORMATS
from codectool.tokens.reading import describe, read
from codectool.tokens.records import Record
from tests.tokens.samples import ids, tokenize


def write_tar(path: str, clips: Path, *others: tuple[str, bytes]) -> None:
    """Write a tar of two recordings, a.wav and b.wav, and of others, by their names."""
    members = [
        (f"{key}.wav", (clips / f"clip00{number}.wav").read_bytes()) for number, key in enumerate("ab")
    ]
    with tarfile.open(path, "w") as archive:
        for name, data in sorted([*members, *others]):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def reasons(target: str) -> dict[str, str]:
    rows = map(json.loads, Path(target, "errors.jsonl").read_text().splitlines())
    return {row["id"]: row["reason"] for row in rows}


@pytest.mark.parametrize("other", [("a.json", b"{broken"), ("a.txt", b"\xff")])
def test_a_member_beside_a_recording_that_cannot_be_read_costs_that_one(
    clips: Path, other: tuple[str, bytes]
) -> None:
    write_tar("audio.tar", clips, other, ("b.json", b'{"text": "gut"}'))
    tokenize("audio.tar", "out")
    assert [(item["id"], item["text"]) for item in read("out")] == [("b", "gut")]
    assert "cannot be read" in reasons("out")["a"]


def test_each_recording_of_a_sample_is_taken(clips: Path) -> None:
    sound = (clips / "clip003.wav").read_bytes()
    write_tar("audio.tar", clips, ("b.other.wav", sound), ("b.json", b'{"text": "beide"}'))
    tokenize("audio.tar", "out")
    assert {item["id"]: item.get("text") for item in read("out")} == {
        "a": None,
        "b.wav": "beide",
        "b.other.wav": "beide",
    }


def test_a_tar_that_is_cut_or_damaged_is_told(clips: Path) -> None:
    write_tar("whole.tar", clips)
    with tarfile.open("whole.tar") as archive:
        second = archive.getmembers()[1]
    data = bytearray(Path("whole.tar").read_bytes())
    Path("header.tar").write_bytes(data[: second.offset + 100])
    Path("between.tar").write_bytes(data[: second.offset])
    Path("inside.tar").write_bytes(data[: second.offset_data + 100])
    data[second.offset + 3] ^= 1
    Path("flipped.tar").write_bytes(data)
    assert tokenize("whole.tar", "whole").failed == 0
    for name in ("header", "between", "inside", "flipped"):
        totals = tokenize(f"{name}.tar", name)
        assert ids(name) == ["a"]
        assert totals.failed >= 1
        assert "perhaps more recordings" in reasons(name)[f"{name}.tar"]


def test_a_broken_archive_in_a_folder_costs_what_it_holds(clips: Path) -> None:
    (clips / "broken.tar").write_bytes(b"no tar" * 1000)
    (clips / "sub" / "broken.parquet").write_bytes(b"no table")
    if not pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'"):
        return
    totals = tokenize(clips, "out")
    assert (totals.items, totals.failed) == (7, 2)
    assert set(reasons("out")) == {"broken.tar", "sub/broken.parquet"}
    assert str(clips) not in Path("out/errors.jsonl").read_text()


def test_a_folder_that_cannot_be_searched_is_told(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = os.walk

    def closed(folder: Path, onerror: Callable[[OSError], None]) -> Iterator[Any]:
        yield from walk(folder)
        onerror(PermissionError(13, "Permission denied", str(folder / "closed")))

    monkeypatch.setattr(os, "walk", closed)
    assert tokenize(clips, "out").items == 7
    assert reasons("out") == {"closed": "this folder cannot be searched: Permission denied"}


def test_a_manifest_may_leave_values_empty_but_not_name_parts_that_cannot_be(clips: Path) -> None:
    assert command(["encode", "-q", "clips/clip000.wav", "coded.ecdc"]) == 0
    audio = "clips/clip000.wav"
    good = [
        {"audio": None, "path": audio, "id": None, "offset": None, "duration": None},
        {"audio": audio, "id": "to_the_end", "offset": 0.05, "duration": None},
    ]
    bad = [
        {"audio": audio, "id": "before", "offset": -0.01, "duration": 0.05},
        {"audio": audio, "id": "backwards", "offset": 0.01, "duration": -0.01},
        {"audio": audio, "id": "no_number", "offset": float("nan"), "duration": 0.05},
        {"audio": "coded.ecdc", "id": "coded", "offset": 0.01, "duration": 0.05},
    ]
    Path("m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in good + bad))
    tokenize("m.jsonl", "out")
    samples = soundfile.info(audio).frames
    assert {item["id"]: item["samples"] for item in read("out")} == {
        "clips/clip000": samples,
        "to_the_end": samples - 800,
    }
    assert set(reasons("out")) == {row["id"] for row in bad}


def test_a_table_may_name_files_in_a_column_of_text(clips: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    from pyarrow import parquet

    names = ["clips/clip000.wav", "clips/clip001.wav", None]
    for columns in ({"audio": names}, {"audio": names, "text": ["eins", "zwei", "drei"]}):
        parquet.write_table(pyarrow.table(columns), "audio.parquet")
        tokenize("audio.parquet", "out", overwrite=True)
        assert ids("out") == ["clips/clip000", "clips/clip001"]
        assert set(reasons("out").values()) == {"its column audio is empty"}


def test_fields_of_any_kind_become_columns(clips: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    rows = [
        {"audio": "clips/clip000.wav", "id": "a", "empty": {}, "large": 2**80, "mixed": [1]},
        {"audio": "clips/clip001.wav", "id": "\udcff", "empty": {}, "large": 1, "mixed": "x"},
    ]
    Path("m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenize("m.jsonl", "out", form="parquet")
    assert ids("out") == ["a", "\\udcff"]
    assert next(read("out"))["large"] == str(2**80)


def test_coded_files_are_known_in_any_case(clips: Path) -> None:
    assert command(["encode", "-q", "clips/clip000.wav", "coded.ecdc"]) == 0
    Path("coded.ecdc").rename("coded.ECDC")
    assert tokenize("coded.ECDC", "out").items == 1


def test_a_check_passes_over_a_shard_of_which_all_failed(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clips / "broken.wav").write_bytes(b"no audio")
    options = ["tokenize", "-q", "clips", "out", "--shard-items", "1", "--jobs", "1", "--check", "9"]
    assert command(options) == 1
    assert capsys.readouterr().out.startswith("7 recordings alone: 0 of ")


@pytest.mark.parametrize("levels", [0, -1, 9])
def test_levels_that_there_are_not_cannot_be_read(clips: Path, levels: int) -> None:
    tokenize(clips, "out")
    with pytest.raises(UsageError, match=f"has 8 levels, not {levels}"):
        next(read("out", levels=levels))


@pytest.mark.parametrize("key", ["../../escaped", "/tmp/escaped", "sub/../../../escaped"])
def test_sound_stays_in_the_folder_that_was_named(clips: Path, key: str) -> None:
    tokenize(clips, "out")
    record = next(iter(FORMATS["wds"].read(Path("out/shard-000000.tar"))[1]))
    foreign = Record(key, record.codes, record.samples, record.sample_rate_hz)
    Path("deep").mkdir()
    with Path("deep/foreign.jsonl").open("wb") as file:
        FORMATS["jsonl"].write(file, describe("out"), [foreign], Path("deep/foreign.jsonl"))
    assert decode_tokens(DecodeTokensJob("deep/foreign.jsonl", "deep/back")).items == 1
    (written,) = Path().rglob("escaped.wav")
    assert written.is_relative_to("deep/back")

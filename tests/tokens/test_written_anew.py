"""Data sets written anew, or of other recordings than before: nothing of the old is left among the new."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from codectool.__main__ import run as command
from codectool.errors import UsageError
from codectool.tokens.keys import Keys
from codectool.tokens.reading import read
from tests.tokens.samples import files_of, tokenize

FORMS = ["wds", "parquet", "shar", "jsonl", "npy"]


def check_is(target: str, expected: str) -> None:
    """Compare folders, and the folders of what is known of them."""
    for suffix in ("", ".codectool"):
        assert files_of(Path(target + suffix)) == files_of(Path(expected + suffix))


@pytest.mark.parametrize("form", FORMS)
def test_fewer_shards_than_before_leave_nothing_of_the_old(clips: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    tokenize(clips, "out", form=form, shard_items=2)
    (Path("out") / ".codes.000009.tar.part").touch()  # as a kill leaves it, and Lhotse would read it
    (Path("out") / "notes.txt").write_text("of somebody")
    for path in list(clips.glob("clip00[01].wav")):
        path.unlink()
    tokenize(clips, "out", form=form, shard_items=5, overwrite=True)
    tokenize(clips, "fresh", form=form, shard_items=5)
    (Path("out") / "notes.txt").unlink()  # which was left
    if form != "shar":
        (Path("out") / ".codes.000009.tar.part").unlink()
    check_is("out", "fresh")


@pytest.mark.parametrize(("before", "now"), [("shar", "wds"), ("wds", "shar"), ("npy", "jsonl")])
def test_another_format_takes_the_place_of_the_one_before(clips: Path, before: str, now: str) -> None:
    tokenize(clips, "out", form=before, shard_items=2)
    with pytest.raises(UsageError, match=f"format {before}, not {now}"):
        tokenize(clips, "out", form=now, shard_items=2)
    tokenize(clips, "out", form=now, shard_items=2, overwrite=True)
    tokenize(clips, "fresh", form=now, shard_items=2)
    check_is("out", "fresh")


def test_fewer_recordings_than_before_are_others(clips: Path) -> None:
    tokenize(clips, "out", shard_items=3)
    (clips / "sub" / "clip005.wav").unlink()  # which was alone in the last shard
    for _ in range(2):
        with pytest.raises(UsageError, match="other recordings"):
            tokenize(clips, "out", shard_items=3)
    tokenize(clips, "out", shard_items=3, overwrite=True)
    tokenize(clips, "fresh", shard_items=3)
    check_is("out", "fresh")


def test_shards_and_cuts_of_others_are_not_written_over(clips: Path) -> None:
    Path("theirs").mkdir()
    Path("theirs/shard-000000.tar").write_bytes(b"of somebody")
    with pytest.raises(UsageError, match=r"shard-000000\.tar"):
        tokenize(clips, "theirs")
    tokenize(clips, "theirs", overwrite=True)
    assert len(list(read("theirs"))) == 7
    Path("cuts").mkdir()
    Path("cuts/cuts.000000.jsonl.gz").write_bytes(b"of somebody")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"cuts\.000000"):
            tokenize(clips, "cuts", form="shar", overwrite=overwrite)
    assert files_of(Path("cuts")) == {"cuts.000000.jsonl.gz": b"of somebody"}


@pytest.mark.filterwarnings("ignore")
def test_cuts_that_codes_lie_beside_stay(clips: Path) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed: pip install '.[test]'")
    recordings = [lhotse.Recording.from_file(path) for path in sorted(clips.glob("*.wav"))]
    cuts = [lhotse.MonoCut(each.id, 0, each.duration, 0, recording=each) for each in recordings]
    Path("shar").mkdir()
    lhotse.CutSet.from_cuts(cuts).to_shar("shar", fields={"recording": "wav"}, shard_size=2)
    tokenize("shar", "shar", form="shar")
    before = files_of(Path("shar"))
    tokenize("shar", "shar", form="shar", levels=2, overwrite=True)
    after = files_of(Path("shar"))
    assert {name for name in before if before[name] != after[name]} == {
        f"codes.{number:06}.tar" for number in range(3)
    }
    with pytest.raises(UsageError, match="cuts"):
        tokenize(clips, "shar", form="shar", overwrite=True)
    assert files_of(Path("shar")) == after


def test_parts_are_not_written_anew_at_once(clips: Path) -> None:
    with pytest.raises(UsageError, match="remove"):
        tokenize(clips, "out", part=(0, 2), overwrite=True)


@pytest.mark.parametrize("items", [2, 7])
def test_a_key_that_comes_again_is_an_error_in_whatever_shard(clips: Path, items: int) -> None:
    names = ["clip000", "clip001", "clip003", "clip004", "clip006"]
    rows = [{"audio": f"clips/{name}.wav", "id": "a.b" if name > "clip003" else name} for name in names]
    rows.append({"audio": "clips/clip000.wav", "id": "a_b"})  # is the same name of a file
    Path("list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    totals = tokenize("list.jsonl", "out", shard_items=items)
    assert (totals.items, totals.failed) == (4, 2)
    errors = [json.loads(line) for line in Path("out/errors.jsonl").read_text().splitlines()]
    assert {error["reason"] for error in errors} == {"another recording has the same key"}
    assert sorted(item["id"] for item in read("out")) == ["a.b", "clip000", "clip001", "clip003"]
    assert command(["decode", "-q", "out", "back"]) == 0
    assert len(files_of(Path("back"))) == 4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
def test_a_shard_of_which_all_failed_is_no_damage(clips: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    for name in ("clip000", "clip001"):
        (clips / f"{name}.wav").write_bytes(b"no sound")
    assert command(["tokenize", "-q", "clips", "out", "--format", form, "--shard-items", "2"]) == 1
    assert len(list(read("out"))) == 5
    assert command(["verify", "-q", "out"]) == 0
    assert command(["decode", "-q", "out", "back"]) == 0
    if form == "wds":
        webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
        shards = [str(path) for path in sorted(Path("out").glob("*.tar"))]
        assert len(list(webdataset.WebDataset(shards, shardshuffle=False))) == 5
    if form == "shar":
        lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed: pip install '.[test]'")
        assert len(list(lhotse.CutSet.from_shar(in_dir="out"))) == 5


def test_keys_are_known_again_among_many() -> None:
    rng = np.random.default_rng(0)
    names = [str(number) for number in rng.integers(0, 3000, 5000)]
    keys, seen, first = 0, set(), Keys()
    while keys < len(names):
        some = names[keys : keys + int(rng.integers(1, 300))]
        expected = [name in seen or name in some[:place] for place, name in enumerate(some)]
        assert first.add(some) == expected
        seen |= set(some)
        keys += len(some)

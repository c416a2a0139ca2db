"""A run goes on only with the recordings that it was begun with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from codectool.errors import UsageError
from tests.tokens.samples import tokenize

PART = {"audio": "clips/clip000.wav", "id": "a", "offset": 0.01, "duration": 0.05, "text": "eins"}


def write_manifest(*rows: dict[str, Any]) -> str:
    Path("manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "manifest.jsonl"


@pytest.mark.parametrize("change", [{"offset": 0.02}, {"duration": 0.06}, {"text": "zwei"}, {"more": 1}])
def test_another_part_or_field_makes_other_recordings(clips: Path, change: dict[str, Any]) -> None:
    tokenize(write_manifest(PART), "out")
    assert tokenize(write_manifest(PART), "out").skipped == 1
    with pytest.raises(UsageError, match="other recordings"):
        tokenize(write_manifest(PART | change), "out")


def test_paths_come_in_all_shards_or_in_none(clips: Path) -> None:
    tokenize(clips, "out")
    with pytest.raises(UsageError, match="other recordings"):
        tokenize(clips, "out", keep_paths=True)


def test_a_line_without_a_recording_is_the_same_whatever_lies_beside_it(
    clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat
    sizes = iter(range(1000))

    def growing(self: Path, **options: bool) -> os.stat_result:
        found = stat(self, **options)
        if self.name:
            return found
        return os.stat_result([*found[:6], next(sizes), *found[7:]])  # as folders are on some file systems

    monkeypatch.setattr(Path, "stat", growing)
    source = write_manifest(PART, {"text": "no audio"})
    for skipped in (0, 1):
        totals = tokenize(source, "out")
        assert (totals.failed, totals.skipped) == (1, skipped)


def test_a_table_of_another_size_holds_other_recordings(clips: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    from pyarrow import parquet

    for name in ("clip000.wav", "clip001.wav"):
        data = (clips / name).read_bytes()
        parquet.write_table(pyarrow.table({"audio": [data]}), "audio.parquet")
        if name == "clip000.wav":
            assert tokenize("audio.parquet", "out").items == 1
    with pytest.raises(UsageError, match="other recordings"):
        tokenize("audio.parquet", "out")

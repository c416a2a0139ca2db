"""Shards that are lines of JSON, with the codes in them, or with the name of an .npy file beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codectool.errors import DataError
from codectool.files.inputs import open_input
from codectool.files.outputs import open_atomic
from codectool.tokens.records import Description, Record
from codectool.tokens.tar_formats import NOT_CODES, member_name

DESCRIPTION = "codectool"  # field of the first line only
AUDIO_CODES = "audio_codes"
CODES_PATH = "codes_path"


def write_jsonl(output: BinaryIO, description: Description, records: Iterable[Record], target: Path) -> None:
    """Write a line for each record that has codes, with `audio_codes` as `[frames][levels]`."""
    rows = (
        {**record.row(), AUDIO_CODES: record.codes.T.tolist()}
        for record in records
        if record.codes is not None
    )
    _write_lines(output, description, rows)


def write_npy(output: BinaryIO, description: Description, records: Iterable[Record], target: Path) -> None:
    """Write `<key>.npy` for each record that has codes, and a line that names it in `codes_path`."""

    def rows() -> Iterator[dict[str, Any]]:
        for record in records:
            if record.codes is not None:
                name = f"{member_name(record.key)}.npy"
                path = target.parent / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with open_atomic(path, overwrite=True) as file:
                    np.save(file, np.ascontiguousarray(record.codes, description.dtype))
                yield {**record.row(), CODES_PATH: name}

    _write_lines(output, description, rows())


def read_jsonl(path: Path) -> tuple[Description, Iterator[Record]]:
    """Return the description of a file of lines, and its records, of either kind; DataError for another."""
    with open_input(path) as file:
        first = file.readline()
    try:
        description = Description.from_facts(json.loads(first or "null")[DESCRIPTION])
    except (DataError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: its first line does not say how its codes were made") from error
    return description, _records(path, description.levels)


def npy_in(folder: Path) -> Iterator[Path]:
    """Yield the .npy files that lines in a folder name; of a damaged shard those before the damage."""
    for shard in folder.glob("npy-*.jsonl"):
        with suppress(DataError, ValueError, KeyError, TypeError), open_input(shard) as file:
            for line in file:
                yield _inside(folder, json.loads(line)[CODES_PATH])


def _write_lines(output: BinaryIO, description: Description, rows: Iterable[dict[str, Any]]) -> None:
    extra = {DESCRIPTION: description.facts()}
    for row in rows:
        output.write(json.dumps({**row, **extra}).encode() + b"\n")
        extra = {}


def _records(path: Path, levels: int) -> Iterator[Record]:
    with open_input(path) as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                row.pop(DESCRIPTION, None)
                if CODES_PATH in row:
                    codes = np.load(_inside(path.parent, row.pop(CODES_PATH)), allow_pickle=False)
                else:
                    codes = np.array(row.pop(AUDIO_CODES), np.int32).reshape(row["frames"], levels).T
            except (KeyError, TypeError, AttributeError, OverflowError, *NOT_CODES) as error:
                raise DataError(f"{path}: line {number} holds no codes ({error})") from error
            yield Record.from_row(row, codes)


def _inside(folder: Path, name: str) -> Path:
    """Return a file that a line names; ValueError for one outside of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name} lies outside of {folder}")
    return path

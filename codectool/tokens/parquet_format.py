"""Shards that are Parquet files: a row a recording, the description in the metadata. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from codectool.errors import DataError, UsageError
from codectool.tokens.layouts import Codes
from codectool.tokens.records import Description, Record

DESCRIPTION = b"codectool"
ROW_GROUP = 128  # rows: some minutes of audio, read at once
CODES = "codes"


def pyarrow() -> ModuleType:
    """Return pyarrow; UsageError where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'codectool[parquet]'") from None
    module: ModuleType = pyarrow
    return module


def write_parquet(
    output: BinaryIO, description: Description, records: Iterable[Record], target: Path
) -> None:
    """Write a row for each record that has codes; its `codes` are lists of lists, `[levels][frames]`.

    The rows of a shard are held until all are there, since only then the types of passed fields are known.
    """
    arrow = pyarrow()
    code_type = arrow.from_numpy_dtype(description.dtype)
    rows: list[dict[str, Any]] = []
    codes: list[Any] = []
    for record in records:
        if record.codes is not None:
            rows.append(record.row())
            values = arrow.array(np.ascontiguousarray(record.codes, description.dtype).reshape(-1))
            bounds = np.arange(len(record.codes) + 1, dtype=np.int32) * record.codes.shape[1]
            codes.append(arrow.ListArray.from_arrays(arrow.array(bounds), values))
    columns = {name: _column(arrow, [row.get(name) for row in rows]) for name in _names(rows)}
    counts = np.cumsum([0, *map(len, codes)]).astype(np.int32)
    levels = arrow.concat_arrays(codes) if codes else arrow.array([], arrow.list_(code_type))
    columns[CODES] = arrow.ListArray.from_arrays(arrow.array(counts), levels)
    table = arrow.table(columns)
    metadata = {**(table.schema.metadata or {}), DESCRIPTION: json.dumps(description.facts(), sort_keys=True)}
    arrow.parquet.write_table(table.replace_schema_metadata(metadata), output, row_group_size=ROW_GROUP)


def read_parquet(path: Path) -> tuple[Description, Iterator[Record]]:
    """Return the description of a shard, and its records one by one; DataError for another Parquet file."""
    arrow = pyarrow()
    try:
        metadata = arrow.parquet.read_schema(path).metadata or {}
        description = Description.from_facts(json.loads(metadata.get(DESCRIPTION, b"null")))
    except (arrow.ArrowException, DataError, ValueError) as error:
        raise DataError(f"{path}: is not a shard of tokens ({error})") from error
    return description, _records(path, arrow)


def _records(path: Path, arrow: ModuleType) -> Iterator[Record]:
    try:
        with arrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROW_GROUP):
                columns = batch.schema.names
                for number in range(batch.num_rows):
                    codes = _codes(batch.column(CODES)[number].values)
                    row = {name: batch.column(name)[number].as_py() for name in columns if name != CODES}
                    yield Record.from_row(row, codes)
    except (arrow.ArrowException, OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: is damaged, or not a shard of tokens ({error})") from error


def _codes(levels: Any) -> Codes:
    return levels.flatten().to_numpy(zero_copy_only=False).reshape(len(levels), -1)  # type: ignore[no-any-return]


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row if name != CODES))


def _column(arrow: ModuleType, values: list[Any]) -> Any:
    try:
        column = arrow.array([_text(value) for value in values])
        arrow.parquet.write_table(arrow.table({"": column[:0]}), arrow.BufferOutputStream())
    except (arrow.ArrowException, ValueError, OverflowError):  # of no one type: they are kept as JSON
        column = arrow.array([None if value is None else json.dumps(value) for value in values])
    return column.cast(arrow.string()) if arrow.types.is_null(column.type) else column


def _text(value: Any) -> Any:
    """Return a text that is no Unicode, as names of files may be, with its bytes spelled out."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value

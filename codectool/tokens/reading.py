"""Shards read back, from any format, in any layout."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codectool.errors import FileError, UsageError
from codectool.files.inputs import open_input
from codectool.tokens.formats import FORMATS, format_of_shard, state_folder
from codectool.tokens.layouts import laid_out, vocabulary_of
from codectool.tokens.records import Description, Record

GLOBS = tuple(dict.fromkeys(each.pattern.replace("{:06}", "*") for each in FORMATS.values()))


@dataclass(frozen=True)
class OpenShard:
    """A shard that is being read: its description, and its records, which can be taken once."""

    path: Path
    description: Description
    records: Iterator[Record]


def shard_paths(source: str | Path) -> list[Path]:
    """Return the shards of a folder in order, or the one shard named; FileError when there are none."""
    path = Path(source)
    if not path.is_dir():
        return [path]
    found = sorted({found for glob in GLOBS for found in path.glob(glob)})
    found = [each for each in found if not is_empty(each)]
    if not found:
        raise FileError(f"{path}: holds no shards of tokens ({', '.join(GLOBS)})")
    return found


def is_empty(path: Path) -> bool:
    """Return whether all recordings of a shard failed: it has no lines, or is a tar file without members."""
    with open_input(path) as file:
        start = file.read(tarfile.BLOCKSIZE)
    return not start.strip(b"\0")


def open_shards(source: str | Path) -> Iterator[OpenShard]:
    """Yield the shards of a folder, or the one shard named; DataError for a file that is no shard."""
    for path in shard_paths(source):
        if not path.is_file():
            raise FileError(f"{path}: there is no such file")
        yield OpenShard(path, *format_of_shard(path).read(path))


def is_data_set(source: str | Path) -> bool:
    """Return whether a path is a shard, by its name, or a folder that `codec tokenize` made."""
    path = Path(source)
    if path.is_dir():
        return any(state_folder(path, alone).is_dir() for alone in (False, True))
    return path.suffix in {Path(each.pattern).suffix for each in FORMATS.values()}


def describe(source: str | Path) -> Description:
    """Return the description of a data set, or of one shard."""
    return next(open_shards(source)).description


def read(source: str | Path, layout: str = "parallel", levels: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield a dictionary for each recording of a data set, or of one shard, in order.

    `codes` are int16 or int32, `[levels, frames]` or in the shape of the layout (`codectool.tokens.layouts`).
    With `levels` they are the first so many levels only. The other keys are `id`, `samples`,
    `sample_rate_hz`, `channels`, `duration_s`, `frames`, and the fields that came with the input. Raises
    DataError for damage, and UsageError for an unknown layout or more levels than there are.
    """
    for shard in open_shards(source):
        if levels is not None and not 1 <= levels <= shard.description.levels:
            raise UsageError(f"{shard.path}: has {shard.description.levels} levels, not {levels}")
        sizes = shard.description.codebook_sizes[:levels]
        vocabulary_of(layout, sizes)  # an unknown layout is told before a shard is read
        for record in shard.records:
            assert record.codes is not None
            yield {**record.row(), "codes": laid_out(record.codes[: len(sizes)], layout, sizes)}

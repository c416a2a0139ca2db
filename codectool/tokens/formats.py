"""The table of formats: each a pair of functions, write and read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from codectool.errors import DataError, UsageError
from codectool.files.outputs import part_path
from codectool.tokens.json_formats import npy_in, read_jsonl, write_jsonl, write_npy
from codectool.tokens.parquet_format import pyarrow, read_parquet, write_parquet
from codectool.tokens.records import Description, Record
from codectool.tokens.tar_formats import (
    cuts_in,
    read_shar,
    read_wds,
    write_shar,
    write_shar_with_cuts,
    write_wds,
)

Write: TypeAlias = Callable[[BinaryIO, Description, Iterable[Record], Path], None]
Read: TypeAlias = Callable[[Path], "tuple[Description, Iterator[Record]]"]


@dataclass(frozen=True)
class Format:
    """One format of shards.

    Attributes:
        name: what it is called.
        pattern: the name of a shard, with its number.
        write: puts records into a file that becomes `target`, to which they may add files beside it.
        read: gives back the description and the records.
        beside: gives the files in a folder that shards have put beside them.
        alone: every file of the folder must be a shard, so what is known of a run lies beside the folder.
        keeps_failed: a record without codes has a place too.
    """

    name: str
    pattern: str
    write: Write
    read: Read
    beside: Callable[[Path], Iterable[Path]] = lambda folder: ()
    alone: bool = False
    keeps_failed: bool = False
    check: Callable[[], object] = lambda: None  # raises UsageError where something is not installed

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield all files of such shards in a folder, also those that a kill left unfinished."""
        glob = self.pattern.replace("{:06}", "[0-9]" * 6 + "*")
        yield from folder.glob(glob)
        yield from folder.glob(part_path(folder / glob).name)
        yield from self.beside(folder)


FORMATS = {
    each.name: each
    for each in (
        Format("wds", "shard-{:06}.tar", write_wds, read_wds),
        Format("parquet", "shard-{:06}.parquet", write_parquet, read_parquet, check=pyarrow),
        Format("shar", "codes.{:06}.tar", write_shar_with_cuts, read_shar, cuts_in, alone=True),
        Format("jsonl", "shard-{:06}.jsonl", write_jsonl, read_jsonl),
        Format("npy", "npy-{:06}.jsonl", write_npy, read_jsonl, npy_in),
    )
}
BESIDE_CUTS = Format(
    "shar beside cuts", "codes.{:06}.tar", write_shar, read_shar, alone=True, keeps_failed=True
)
WRITTEN = {**FORMATS, BESIDE_CUTS.name: BESIDE_CUTS}  # as data sets say what they are
DEFAULT_FORMAT = "wds"


def state_folder(target: Path, alone: bool) -> Path:
    """Return the folder for facts about a run: in the data set, or beside one that holds only shards."""
    folder = Path(os.path.abspath(target))  # noqa: PTH100 (`.` has no name to add to)
    return folder.with_name(f"{folder.name}.codectool") if alone else folder / ".codectool"


def format_of(name: str) -> Format:
    """Return a format by its name; UsageError for an unknown one, and for one whose library is missing."""
    if name not in FORMATS:
        raise UsageError(f"no format is called {name!r}: choose from {', '.join(FORMATS)}")
    FORMATS[name].check()
    return FORMATS[name]


def format_of_shard(path: Path) -> Format:
    """Return the format of a file, by its name; DataError if it is none."""
    if path.suffix == ".tar":
        return FORMATS["shar" if path.name.startswith("codes.") else "wds"]
    for each in FORMATS.values():
        if path.suffix == Path(each.pattern).suffix:
            return each
    raise DataError(f"{path}: is no shard of tokens by its name: those end in .tar, .parquet or .jsonl")

"""The recordings to tokenize: of folders, lists, manifests, tar, Parquet and .ecdc files, one by one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from pathlib import Path

from codectool.errors import DataError, FileError, UsageError
from codectool.files.inputs import open_input
from codectool.tokens.archives import (
    AUDIO_SUFFIXES,
    ID_FIELDS,
    PATH_FIELDS,
    in_parquet,
    in_tar,
    stated_key,
)
from codectool.tokens.items import CODED_SUFFIX, Input, Place, key_of

READS = {".tar": in_tar, ".parquet": in_parquet}
READ_SUFFIXES = AUDIO_SUFFIXES | {CODED_SUFFIX, *READS}


def find_inputs(source: str, keep_paths: bool = False) -> Iterator[Input]:
    """Yield the recordings of a folder with its subfolders, a list, a manifest, a tar or a Parquet file.

    `-` is a list or a manifest on stdin, and `*` in a name stands for many files. With `keep_paths` the path
    of each file becomes one of its fields. Raises FileError or UsageError when there is nothing of the kind.
    """
    found = _found(source)
    for each in found:
        yield (
            each
            if not keep_paths
            else Input(each.key, each.place, {**each.fields, "path": each.place.path}, each.problem)
        )


def _found(source: str) -> Iterator[Input]:
    path = Path(source)
    if source == "-":
        yield from _listed(source, Path())
    elif path.is_dir():
        yield from _in_folder(path)
    elif "*" in source and not path.exists():
        folder = Path(*path.parts[: next(n for n, part in enumerate(path.parts) if "*" in part)])
        names = sorted(folder.glob(str(path.relative_to(folder))))
        if not names:
            raise FileError(f"{source}: there is no such file")
        yield from _in_files(names, folder)
    elif path.suffix.lower() in READ_SUFFIXES:
        yield from _in_files([path], path.parent)
    else:
        yield from _listed(source, path.parent)


def _in_folder(folder: Path) -> Iterator[Input]:
    closed: list[OSError] = []
    for inside, subfolders, names in os.walk(folder, onerror=closed.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        paths = [Path(inside, name) for name in sorted(names) if not name.startswith(".")]
        yield from _in_files([path for path in paths if path.suffix.lower() in READ_SUFFIXES], folder)
    for error in closed:
        name = Path(error.filename).relative_to(folder).as_posix()
        yield Input(name, problem=f"this folder cannot be searched: {error.strerror or error}")


def _in_files(paths: list[Path], base: Path) -> Iterator[Input]:
    """Yield what files of one folder hold; two that differ by their suffixes keep them in their keys."""
    stems = [path.with_suffix("") for path in paths]
    for path, stem in zip(paths, stems, strict=True):
        if path.suffix.lower() in READS:
            try:
                yield from READS[path.suffix.lower()](path)
            except (DataError, FileError) as error:  # costs what this file holds, but for a file alone
                if paths == [path] and path.parent == base:
                    raise
                reason = str(error).removeprefix(f"{path}: ")
                yield Input(path.relative_to(base).as_posix(), problem=reason)
        else:
            named = path if stems.count(stem) > 1 else stem
            yield Input(named.relative_to(base).as_posix(), Place(str(path)))


def _listed(source: str, base: Path) -> Iterator[Input]:
    """Yield what the lines of a list name, or those of a manifest of JSON objects."""
    with open_input(source) as stream:
        for number, line in enumerate(stream, 1):
            text = os.fsdecode(line).strip()
            if text.startswith("{"):
                yield _of_manifest(text, number, base)
            elif "\0" in text:
                raise UsageError(f"{source}: is neither audio nor a list of files")
            elif text:
                yield Input(key_of(text, base), Place(str(base / text)))


def _of_manifest(text: str, number: int, base: Path) -> Input:
    """Return what a JSON object names; with `offset`, as NeMo has it, a part of the recording is meant."""
    try:
        row = json.loads(text)
        path = next(row[name] for name in PATH_FIELDS if row.get(name) is not None)
        path = path["path"] if isinstance(path, dict) else path
        fields = {name: value for name, value in row.items() if name not in (*PATH_FIELDS, *ID_FIELDS)}
        stated = stated_key(row)
        key = stated or key_of(path, base)
        place = Place(str(base / path))
        problem = None
        if row.get("offset") is not None:
            start_s = float(row["offset"])
            duration_s = None if row.get("duration") is None else float(row["duration"])
            if not (0 <= start_s < inf and 0 < (duration_s or 1) < inf):
                problem = f"a part from {start_s} s on of {duration_s} s cannot be"
            elif place.is_coded:
                problem = "holds codes already, of which no part can be taken"
            else:
                place = replace(place, start_s=start_s, duration_s=duration_s)
                key = key if stated else f"{key}-{round(start_s * 1000):08}"
        return Input(key, place, fields, problem)
    except (ValueError, StopIteration, KeyError, TypeError, OverflowError):
        known = ", ".join(PATH_FIELDS)
        return Input(f"line-{number}", problem=f"line {number} is no JSON object with one of {known}")

"""Recordings to tokenize: from folders, lists, manifests, tar files, Parquet and .ecdc files, one by one."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any

from codectool.audio.formats import FORMAT_OF_SUFFIX
from codectool.audio.source import AudioSource, open_bytes, open_source
from codectool.errors import DataError, FileError, UsageError
from codectool.files.inputs import open_file, open_input
from codectool.tokens.parquet_format import pyarrow

CODED_SUFFIX = ".ecdc"
PATH_FIELDS = ("audio_filepath", "audio_path", "audio", "path")  # of a manifest, the first that is there
ID_FIELDS = ("id", "key")
AUDIO_SUFFIXES = {*FORMAT_OF_SUFFIX, ".m4a", ".aac", ".wma", ".webm"}  # also what is refused by itself later
MANIFEST_SUFFIXES = (".jsonl", ".json", ".ndjson")
PATH_DIGITS = 8  # of a hash, in keys for files that lie elsewhere


@dataclass(frozen=True)
class Place:
    """Where the bytes of a recording are: a file, a part of it, or a row of a Parquet file."""

    path: str
    start_byte: int | None = None
    size_bytes: int | None = None
    row: int | None = None
    name: str = ""  # of the part, for its suffix

    @property
    def is_coded(self) -> bool:
        """Whether it holds codes already."""
        return PurePath(self.name or self.path).suffix == CODED_SUFFIX

    def read(self) -> bytes:
        """Return all bytes; FileError or DataError when they cannot be read."""
        if self.row is not None:
            data = _audio_column(self.path, self.row)
            return data if data is not None else _read(self.name, 0, None)
        return _read(self.path, self.start_byte or 0, self.size_bytes)

    def open_audio(self, name: str) -> AudioSource:
        """Open a recording as a source of audio, called `name` in messages."""
        if self.row is None and self.start_byte is None:
            return open_source(self.path)
        return open_bytes(self.read(), name)

    def known_bytes(self) -> int:
        """Return how many bytes there are, -1 if that cannot be told before they are read."""
        if self.size_bytes is not None or self.row is not None:
            return -1 if self.size_bytes is None else self.size_bytes
        try:
            return Path(self.path).stat().st_size
        except OSError:
            return -1


@dataclass(frozen=True)
class Input:
    """One recording to tokenize: its key, where it is, and the fields that are passed through.

    `problem` says why there is no recording, for what a manifest has and cannot be read.
    """

    key: str
    place: Place = Place("")
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


def find_inputs(source: str, keep_paths: bool = False) -> Iterator[Input]:
    """Yield the recordings of a folder with its subfolders, a list, a manifest, a tar or a Parquet file.

    `-` is a list or a manifest on stdin, `*` in a name stands for many files. With `keep_paths` the paths of
    files are passed through as fields. FileError or UsageError when there is nothing of the kind.
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
    elif path.suffix.lower() in AUDIO_SUFFIXES | {CODED_SUFFIX, ".tar", ".parquet"}:
        yield from _in_files([path], path.parent)
    else:
        yield from _listed(source, path.parent)


def _in_folder(folder: Path) -> Iterator[Input]:
    for inside, subfolders, names in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        paths = [Path(inside, name) for name in sorted(names) if not name.startswith(".")]
        known = AUDIO_SUFFIXES | {CODED_SUFFIX, ".tar", ".parquet"}
        yield from _in_files([path for path in paths if path.suffix.lower() in known], folder)


def _in_files(paths: list[Path], base: Path) -> Iterator[Input]:
    """Yield what files of one folder hold; two that differ by their suffixes keep them in their keys."""
    stems = [path.with_suffix("") for path in paths]
    for path, stem in zip(paths, stems, strict=True):
        if path.suffix.lower() == ".tar":
            yield from _in_tar(path)
        elif path.suffix.lower() == ".parquet":
            yield from _in_parquet(path)
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
                yield Input(_key_of(text, base), Place(str(base / text)))


def _of_manifest(text: str, number: int, base: Path) -> Input:
    try:
        row = json.loads(text)
        path = next(row[name] for name in PATH_FIELDS if name in row)
        path = path["path"] if isinstance(path, dict) else path
        fields = {name: value for name, value in row.items() if name not in (*PATH_FIELDS, *ID_FIELDS)}
        stated = next((str(row[name]) for name in ID_FIELDS if name in row), None)
        return Input(_clean(stated) or _key_of(path, base), Place(str(base / path)), fields)
    except (ValueError, StopIteration, KeyError, TypeError):
        fields_known = ", ".join(PATH_FIELDS)
        return Input(f"line-{number}", problem=f"line {number} is no JSON object with {fields_known}")


def _in_tar(path: Path) -> Iterator[Input]:
    """Yield the audio members of a tar file; a .json of the same key before or after gives the fields."""
    try:
        with tarfile.open(path, "r:") as archive:
            for key, members in groupby(_files_in(archive), lambda member: _split(member.name)[0]):
                fields: dict[str, Any] = {}
                audio = None
                for member in members:
                    suffix = f".{member.name.rpartition('.')[2]}".lower()
                    if suffix == ".json":
                        loaded = json.load(archive.extractfile(member))  # type: ignore[arg-type]
                        fields |= loaded if isinstance(loaded, dict) else {}
                    elif suffix in (".txt", ".text"):
                        fields["text"] = archive.extractfile(member).read().decode()  # type: ignore[union-attr]
                    elif suffix in AUDIO_SUFFIXES | {CODED_SUFFIX}:
                        audio = Place(str(path), member.offset_data, member.size, name=member.name)
                if audio is not None:
                    fields = {
                        name: value for name, value in fields.items() if name not in (*PATH_FIELDS, "id")
                    }
                    yield Input(_clean(key) or audio.name, audio, fields)
    except (tarfile.TarError, ValueError) as error:
        raise DataError(f"{path}: is not a plain tar file that can be read ({error})") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error


def _files_in(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        archive.members = []  # type: ignore[attr-defined]  # else it keeps all it has seen
        if member.isfile():
            yield member


def _split(name: str) -> tuple[str, str]:
    """Return key and suffix of a member as WebDataset has them: the name to its first dot, and the rest."""
    folder, _, last = name.rpartition("/")
    key, _, suffix = last.partition(".")
    return f"{folder}/{key}" if folder else key, suffix


def _in_parquet(path: Path) -> Iterator[Input]:
    """Yield the rows of a Parquet file; `audio` holds {bytes, path}, bytes, or a path."""
    arrow = pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "audio" not in names:
                raise DataError(f"{path}: has no column audio, but {', '.join(names)}")
            number = 0
            others = [name for name in names if name != "audio"]
            inside = [f"audio.{part.name}" for part in _parts(file) if part.name == "path"]
            for batch in file.iter_batches(1024, columns=others + inside or ["audio"]):
                for row in batch.to_pylist():
                    audio = row.pop("audio", None)
                    name = (audio or {}).get("path") or "" if isinstance(audio, dict | None) else ""
                    stated = next((str(row[each]) for each in ID_FIELDS if row.get(each) is not None), None)
                    key = _clean(stated) or (_key_of(name, Path()) if name else f"{path.stem}-{number:06}")
                    fields = {each: value for each, value in row.items() if each not in ID_FIELDS}
                    beside = str(path.parent / name) if name else ""
                    yield Input(key, Place(str(path), row=number, name=beside), fields)
                    number += 1
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a Parquet file that can be read ({error})") from error


def _parts(file: Any) -> list[Any]:
    kind = file.schema_arrow.field("audio").type
    return [kind.field(number) for number in range(kind.num_fields)]


def _audio_column(path: str, row: int) -> bytes | None:
    """Return the bytes in a row's `audio`, None if it only names a file."""
    first, audio = _row_group(path, row)
    value = audio[row - first].as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    return value if isinstance(value, bytes) else None


@lru_cache(maxsize=1)
def _bounds(path: str) -> list[int]:
    with pyarrow().parquet.ParquetFile(path) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [sum(counts[:group]) for group in range(len(counts) + 1)]


def _row_group(path: str, row: int) -> tuple[int, Any]:
    bounds = _bounds(path)
    group = max(number for number, first in enumerate(bounds[:-1]) if first <= row)
    return bounds[group], _loaded_group(path, group)


@lru_cache(maxsize=1)
def _loaded_group(path: str, group: int) -> Any:
    with pyarrow().parquet.ParquetFile(path) as file:
        return file.read_row_group(group, columns=["audio"]).column("audio").combine_chunks()


def _read(path: str, start_byte: int, size_bytes: int | None) -> bytes:
    with open_file(Path(path)) as file:
        file.seek(start_byte)
        data = file.read(-1 if size_bytes is None else size_bytes)
    if size_bytes is not None and len(data) < size_bytes:
        raise DataError(f"{path}: ends before the recording does")
    return data


def _key_of(path: str, base: Path) -> str:
    """Return a key for a file: its place below the base, else its name and a hash, which tells no folder."""
    pure = PurePath(path)
    absolute = Path(os.path.abspath(base / pure))  # noqa: PTH100 (resolving would follow links)
    home = Path(os.path.abspath(base))  # noqa: PTH100
    if absolute.is_relative_to(home):
        return absolute.relative_to(home).with_suffix("").as_posix()
    digest = hashlib.sha256(os.fsencode(str(absolute))).hexdigest()[:PATH_DIGITS]
    return f"{pure.stem}-{digest}"


def _clean(key: str | None) -> str:
    """Return a key that is a name within any folder."""
    parts = (key or "").replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))

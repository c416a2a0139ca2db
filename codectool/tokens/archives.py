"""Recordings in tar and Parquet files."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from codectool.audio.formats import FORMAT_OF_SUFFIX
from codectool.errors import DataError, FileError
from codectool.tokens.items import CODED_SUFFIX, Input, Place, key_of
from codectool.tokens.keys import clean_key
from codectool.tokens.parquet_format import pyarrow

PATH_FIELDS = ("audio_filepath", "audio_path", "audio", "path")  # of a manifest, the first that is there
ID_FIELDS = ("id", "key")
AUDIO_SUFFIXES = {*FORMAT_OF_SUFFIX, ".m4a", ".aac", ".wma", ".webm"}  # also what is refused by itself later


def in_tar(path: Path) -> Iterator[Input]:
    """Yield the audio members of a tar file as inputs.

    A .json member of the same key, before or after the audio, gives the fields. Where the file is damaged or
    cut, the last input is a problem. Raises DataError for a file that is no tar.
    """
    damage: list[str] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for _, members in groupby(_files_in(archive, damage), lambda member: _split(member.name)[0]):
                yield from _of_sample(archive, path, list(members))
    except (tarfile.TarError, ValueError) as error:
        raise DataError(f"{path}: is not a plain tar file that can be read ({error})") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if damage:
        yield Input(path.name, problem=f"is damaged or cut, and holds perhaps more recordings ({damage[0]})")


def _files_in(archive: tarfile.TarFile, damage: list[str]) -> Iterator[tarfile.TarInfo]:
    """Yield the files of an archive, and add to `damage` why there are no more, if that is not its end."""
    try:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all it has seen
            if member.isfile():
                yield member
        archive.fileobj.seek(archive.offset)
        rest = archive.fileobj.read(tarfile.BLOCKSIZE)
        if len(rest) < tarfile.BLOCKSIZE or any(rest):  # tarfile takes a damaged header for the end
            damage.append("it has no end")
    except tarfile.TarError as error:
        damage.append(str(error))


def _of_sample(archive: tarfile.TarFile, path: Path, members: list[tarfile.TarInfo]) -> Iterator[Input]:
    """Yield what the members of one key hold; of several recordings, each has its suffix in its key."""
    fields: dict[str, Any] = {}
    problem = None
    places: list[Place] = []
    for member in members:
        suffix = f".{member.name.rpartition('.')[2]}".lower()
        try:
            if suffix == ".json":
                loaded = json.load(archive.extractfile(member))  # type: ignore[arg-type]
                fields |= loaded if isinstance(loaded, dict) else {}
            elif suffix in (".txt", ".text"):
                fields["text"] = archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            elif suffix in AUDIO_SUFFIXES | {CODED_SUFFIX}:
                places.append(Place(str(path), member.offset_data, member.size, name=member.name))
        except (ValueError, tarfile.TarError) as error:
            problem = f"its {suffix} cannot be read ({error})"
    fields = {name: value for name, value in fields.items() if name not in (*PATH_FIELDS, "id")}
    for place in places:
        key = clean_key(_split(place.name)[0] if len(places) == 1 else place.name)
        yield Input(key or path.name, place, fields, problem)


def stated_key(row: dict[str, Any]) -> str:
    """Return the key that a row of a manifest or a table states, empty if it states none."""
    return clean_key(next((str(row[name]) for name in ID_FIELDS if row.get(name) is not None), None))


def _split(name: str) -> tuple[str, str]:
    """Return key and suffix of a member as WebDataset has them: the name to its first dot, and the rest."""
    folder, _, last = name.rpartition("/")
    key, _, suffix = last.partition(".")
    return f"{folder}/{key}" if folder else key, suffix


def in_parquet(path: Path) -> Iterator[Input]:
    """Yield the rows of a Parquet file as inputs; `audio` holds {bytes, path}, bytes, or a path."""
    arrow = pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if "audio" not in names:
                raise DataError(f"{path}: has no column audio, but {', '.join(names)}")
            number = 0
            others = [name for name in names if name != "audio"]
            for batch in file.iter_batches(1024, columns=others + _paths_in(arrow, file)):
                for row in batch.to_pylist() or [{}] * batch.num_rows:
                    audio = row.pop("audio", None)
                    name = (audio.get("path") if isinstance(audio, dict) else audio) or ""
                    key = stated_key(row) or (key_of(name, Path()) if name else f"{path.stem}-{number:06}")
                    fields = {each: value for each, value in row.items() if each not in ID_FIELDS}
                    fields = json.loads(json.dumps(fields, default=str))  # dates and the like become text
                    beside = str(path.parent / name) if name else ""
                    yield Input(key, Place(str(path), row=number, name=beside), fields)
                    number += 1
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a Parquet file that can be read ({error})") from error


def _paths_in(arrow: Any, file: Any) -> list[str]:
    """Return the columns that name files, without those that hold them."""
    kind = file.schema_arrow.field("audio").type
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        return ["audio"]
    parts = [kind.field(number).name for number in range(kind.num_fields)]
    return ["audio.path"] if "path" in parts else []

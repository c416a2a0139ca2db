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
from codectool.tokens.items import CODED_SUFFIX, Input, Place, clean_key, key_of
from codectool.tokens.parquet_format import pyarrow

PATH_FIELDS = ("audio_filepath", "audio_path", "audio", "path")  # of a manifest, the first that is there
ID_FIELDS = ("id", "key")
AUDIO_SUFFIXES = {*FORMAT_OF_SUFFIX, ".m4a", ".aac", ".wma", ".webm"}  # also what is refused by itself later


def in_tar(path: Path) -> Iterator[Input]:
    """Yield the audio members of a tar file as inputs.

    A .json member of the same key, before or after the audio, gives the fields.
    """
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
                    yield Input(clean_key(key) or audio.name, audio, fields)
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
            inside = [f"audio.{part.name}" for part in _parts(file) if part.name == "path"]
            for batch in file.iter_batches(1024, columns=others + inside or ["audio"]):
                for row in batch.to_pylist():
                    audio = row.pop("audio", None)
                    name = (audio or {}).get("path") or "" if isinstance(audio, dict | None) else ""
                    stated = next((str(row[each]) for each in ID_FIELDS if row.get(each) is not None), None)
                    key = clean_key(stated) or (key_of(name, Path()) if name else f"{path.stem}-{number:06}")
                    fields = {each: value for each, value in row.items() if each not in ID_FIELDS}
                    fields = json.loads(json.dumps(fields, default=str))  # dates and the like become text
                    beside = str(path.parent / name) if name else ""
                    yield Input(key, Place(str(path), row=number, name=beside), fields)
                    number += 1
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a Parquet file that can be read ({error})") from error


def _parts(file: Any) -> list[Any]:
    kind = file.schema_arrow.field("audio").type
    return [kind.field(number) for number in range(kind.num_fields)]

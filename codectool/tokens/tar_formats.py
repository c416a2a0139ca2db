"""Shards that are tar files: WebDataset's, and those of Lhotse Shar for a field `codes`.

The description of a shard is the comment of the archive, a header before the first member that every reader
passes over (POSIX.1-2001, `pax`); git keeps its commits there. Owners, modes and times are fixed.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codectool.errors import DataError
from codectool.files.outputs import open_atomic
from codectool.tokens.keys import clean_key
from codectool.tokens.layouts import Codes
from codectool.tokens.records import Description, Record

COMMENT = "comment"
END_BYTES = 2 * tarfile.BLOCKSIZE  # of zeros
NOT_CODES = (ValueError, EOFError, OSError, SyntaxError, MemoryError)  # what numpy says of other bytes


def write_wds(output: BinaryIO, description: Description, records: Iterable[Record], target: Path) -> None:
    """Write `<key>.npy` and `<key>.json` for every record that has codes."""
    with _archive(output, description, records) as (archive, left):
        for record in left:
            if record.codes is not None:
                name = member_name(record.key)
                _add(archive, f"{name}.npy", _npy(record.codes, description))
                _add(archive, f"{name}.json", _json(record.row()))


def read_wds(path: Path) -> tuple[Description, Iterator[Record]]:
    """Return the description of a shard, and its records one by one; DataError for another tar."""
    return _read(path, lambda member, text: json.loads(text))


def write_shar(output: BinaryIO, description: Description, records: Iterable[Record], target: Path) -> None:
    """Write `<id>.npy` and the manifest `<id>.json` that Lhotse reads, in the order of the cuts.

    A recording that failed has a place without data, as Lhotse wants it. The exact length is a comment of the
    member, since Lhotse's manifest has no room for it.
    """
    with _archive(output, description, records) as (archive, left):
        for record in left:
            if record.codes is None:
                _add(archive, f"{record.key}.nodata", b"")
                _add(archive, f"{record.key}.nometa", b"")
                continue
            _add(archive, f"{record.key}.npy", _npy(record.codes, description))
            _add(archive, f"{record.key}.json", _json(_lhotse_array(record.codes, description)), record.row())


def write_shar_with_cuts(
    output: BinaryIO, description: Description, records: Iterable[Record], target: Path
) -> None:
    """Write `codes.N.tar` as `write_shar` does, and `cuts.N.jsonl.gz` beside it, for inputs without cuts."""
    cuts = target.with_name(target.name.replace("codes.", "cuts.", 1)).with_suffix(".jsonl.gz")
    with open_atomic(cuts, overwrite=True) as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as lines:

        def with_cuts() -> Iterator[Record]:
            for record in records:
                if record.codes is not None:
                    lines.write(_json(_lhotse_cut(record)) + b"\n")
                    yield record

        write_shar(output, description, with_cuts(), target)


def cuts_in(folder: Path) -> Iterator[Path]:
    """Yield the cuts in a folder, also those that a kill left unfinished."""
    yield from folder.glob("cuts.*.jsonl.gz")
    yield from folder.glob(".cuts.*.jsonl.gz.part")


def read_shar(path: Path) -> tuple[Description, Iterator[Record]]:
    """Return the description of `codes.N.tar`, and its records, without recordings that failed."""

    def row_of(member: tarfile.TarInfo, text: bytes) -> Any:
        return json.loads(member.pax_headers[COMMENT])

    return _read(path, row_of)


def member_name(key: str) -> str:
    """Return a key as the name of a member, which leads out of no folder.

    Readers take what follows the first dot for a suffix.
    """
    folder, _, name = clean_key(key).rpartition("/")
    name = name.replace(".", "_")
    return f"{folder}/{name}" if folder else name


@contextmanager
def _archive(
    output: BinaryIO, description: Description, records: Iterable[Record]
) -> Iterator[tuple[tarfile.TarFile, Iterator[Record]]]:
    """Give an archive, and the records for it; without any it is empty: tarfile reads no comment alone."""
    left = iter(records)
    first = list(islice(left, 1))
    comment = {COMMENT: json.dumps(description.facts(), sort_keys=True)} if first else {}
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT, pax_headers=comment) as archive:
        yield archive, chain(first, left)


def _add(archive: tarfile.TarFile, name: str, data: bytes, comment: Any = None) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o644
    if comment is not None:
        member.pax_headers = {COMMENT: json.dumps(comment)}
    archive.addfile(member, io.BytesIO(data))


def _npy(codes: Codes, description: Description) -> bytes:
    data = io.BytesIO()
    np.save(data, np.ascontiguousarray(codes, description.dtype))
    return data.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()  # in ASCII: names need not be text


def _lhotse_array(codes: Codes, description: Description) -> dict[str, Any]:
    placed = {"storage_type": "shar", "storage_path": "", "storage_key": "", "shape": list(codes.shape)}
    return {"array": placed, "temporal_dim": 1, "frame_shift": float(1 / description.frame_rate), "start": 0}


def _lhotse_cut(record: Record) -> dict[str, Any]:
    name, length = record.key, record.duration_s
    cut = {"id": name, "start": 0, "duration": length, "channel": 0, "supervisions": [], "type": "MonoCut"}
    if "text" in record.fields:
        span = {"id": name, "recording_id": name, "start": 0, "duration": length, "channel": 0}
        known = {key: record.fields[key] for key in ("text", "speaker", "language") if key in record.fields}
        cut["supervisions"] = [span | known]
    return cut | {"custom": dict(record.fields)} if record.fields else cut


def _read(path: Path, row_of: Any) -> tuple[Description, Iterator[Record]]:
    try:
        with tarfile.open(path) as archive:
            comment = archive.pax_headers.get(COMMENT, "null")
    except (tarfile.TarError, UnicodeError) as error:
        raise DataError(f"{path}: is not a tar file that can be read ({error})") from error
    try:
        description = Description.from_facts(json.loads(comment))
    except (DataError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    return description, _records(path, row_of)


def _check_end(path: Path) -> None:
    """Raise EOFError for an archive that was cut between two members, which tarfile takes for its end."""
    with path.open("rb") as file:
        file.seek(-END_BYTES, io.SEEK_END)
        if any(file.read()):
            raise EOFError("it has no end")


def _records(path: Path, row_of: Any) -> Iterator[Record]:
    try:
        _check_end(path)
        with tarfile.open(path) as archive:
            codes: dict[str, Codes] = {}
            for member in archive:
                name, _, suffix = member.name.rpartition(".")
                file = archive.extractfile(member)
                if file is None or suffix not in ("npy", "json"):
                    continue
                if suffix == "npy":
                    codes = {name: np.load(io.BytesIO(file.read()), allow_pickle=False)}
                else:
                    yield Record.from_row(row_of(member, file.read()), codes.pop(name))
    except (tarfile.TarError, KeyError, *NOT_CODES) as error:
        raise DataError(f"{path}: is damaged, or not a shard of tokens ({error})") from error

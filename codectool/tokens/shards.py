"""Shards: which recordings belong to one, writing it whole or not at all, and what is known of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from codectool.errors import DataError, UsageError
from codectool.files.byte_reader import PIECE_BYTES
from codectool.files.outputs import open_atomic
from codectool.files.streams import as_file_error
from codectool.models.loaded import LoadedModel
from codectool.tokens.encoding import encode_inputs
from codectool.tokens.formats import Format, state_folder
from codectool.tokens.items import Input
from codectool.tokens.records import Description, Record
from codectool.tokens.tar_formats import member_name

DATA_SET = "tokens.json"
INDEX = "index.jsonl"
ERRORS = "errors.jsonl"


@dataclass(frozen=True)
class Shard:
    """One shard to write: its number, the name of its file, and its recordings, sorted by key."""

    number: int
    name: str
    inputs: tuple[Input, ...]

    def digest(self) -> str:
        """Return what tells the same inputs from others: sha256 of their keys and sizes."""
        lines = (f"{each.key}\0{each.place.known_bytes()}\n" for each in self.inputs)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Written:
    """What came of a shard; `errors` has key and reason of each recording that is not in it."""

    shard: str
    inputs_sha256: str
    items: int = 0
    frames: int = 0
    duration_s: float = 0.0
    size_bytes: int = 0
    sha256: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)


def plan_shards(inputs: Iterable[Input], pattern: str, items: int) -> Iterator[Shard]:
    """Yield shards of so many recordings each, in the order in which those come."""
    left = iter(inputs)
    number = 0
    while group := tuple(islice(left, items)):
        ordered = tuple(sorted(group, key=lambda each: member_name(each.key)))
        yield Shard(number, pattern.format(number), ordered)
        number += 1


def write_shard(
    shard: Shard, target: Path, form: Format, model: LoadedModel, description: Description
) -> Written:
    """Encode the recordings of a shard; write it, and then what is known of it."""
    errors: list[dict[str, str]] = []
    counted = _Counted()
    path = target / shard.name
    with open_atomic(path, overwrite=True) as output:
        records = _records(shard, form, model, description, errors)
        form.write(output, description, counted(records), path)
    written = Written(
        shard=shard.name,
        inputs_sha256=shard.digest(),
        items=counted.items,
        frames=counted.frames,
        duration_s=counted.duration_s,
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        errors=errors,
    )
    State(target, form).keep(written)
    return written


def sha256_of(path: Path) -> str:
    """Return the digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


class _Counted:
    """Counts the records that pass through."""

    def __init__(self) -> None:
        self.items = 0
        self.frames = 0
        self.duration_s = 0.0

    def __call__(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            if record.codes is not None:
                self.items += 1
                self.frames += record.codes.shape[1]
                self.duration_s += record.duration_s
            yield record


def _records(
    shard: Shard, form: Format, model: LoadedModel, description: Description, errors: list[dict[str, str]]
) -> Iterator[Record]:
    """Yield the records of a shard; what failed is added to `errors`."""
    taken: set[str] = set()
    unique = []
    for given in shard.inputs:
        name = member_name(given.key)
        problem = "another recording of this shard has the same key" if name in taken else given.problem
        unique.append(Input(given.key, given.place, given.fields, problem))
        taken.add(name)
    for came in encode_inputs(unique, model, description):
        if isinstance(came, Record):
            yield came
            continue
        given, reason = came
        errors.append({"id": given.key, "shard": shard.name, "reason": reason})
        if form.keeps_failed:
            yield Record(given.key, None)


class State:
    """What is known of a data set beside its shards: in `.codectool` in its folder, or beside that folder."""

    def __init__(self, target: Path, form: Format) -> None:
        self.target = target
        self.folder = state_folder(target, form.alone)
        self.open_folder = self.folder if form.alone else target

    def begin(self, facts: dict[str, Any], overwrite: bool) -> None:
        """Make the folders and say what the data set is; UsageError if it is another one already."""
        with as_file_error(self.target):
            if overwrite:
                for kept in self.folder.glob("*.json"):
                    (self.target / kept.stem).unlink(missing_ok=True)
                shutil.rmtree(self.folder, ignore_errors=True)
                for name in (INDEX, ERRORS):
                    (self.open_folder / name).unlink(missing_ok=True)
            self.target.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        found = self._load(DATA_SET)
        if found is None:
            self._store(self.folder / DATA_SET, json.dumps(facts, indent=1) + "\n")
        elif found != facts:
            name, was, wanted = _difference(found, facts)
            raise UsageError(
                f"{self.target}: was begun with {name} {was}, not {wanted}; "
                "name another folder, or write it anew with `overwrite=True`"
            )

    def written(self, shard: Shard) -> Written | None:
        """Return what is known of a shard that is there; UsageError if it was made of other recordings."""
        found = self._load(f"{shard.name}.json")
        if found is None or not (self.target / shard.name).is_file():
            return None
        written = Written(**found)
        if written.inputs_sha256 != shard.digest():
            raise UsageError(
                f"{self.target / shard.name}: was made of other recordings than now; "
                "name another folder, or write it anew with `overwrite=True`"
            )
        return written

    def keep(self, written: Written) -> None:
        """Say that a shard is whole."""
        self._store(self.folder / f"{written.shard}.json", json.dumps(asdict(written)) + "\n")

    def conclude(self, names: Iterable[str]) -> bool:
        """Write index and errors if all these shards are there; whoever ends last finds them so.

        Others that end at the same time write the same bytes.
        """
        lines: list[str] = []
        errors: list[str] = []
        for name in names:
            found = self._load(f"{name}.json")
            if found is None:
                return False
            errors += [json.dumps(each) + "\n" for each in found.pop("errors")]
            lines.append(json.dumps(found) + "\n")
        self._store(self.open_folder / INDEX, "".join(lines))
        if errors:
            self._store(self.open_folder / ERRORS, "".join(errors))
        else:
            (self.open_folder / ERRORS).unlink(missing_ok=True)
        return True

    def _load(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            loaded = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: cannot be read ({error}); write the data set anew with `overwrite=True`"
            ) from error
        return loaded if isinstance(loaded, dict) else None

    def _store(self, path: Path, text: str) -> None:
        """Write a small file whole or not at all; any number of processes may do so at once."""
        with as_file_error(path):
            part = self.folder / f".{path.name}.{uuid.uuid4().hex}.part"
            part.write_bytes(text.encode(errors="surrogateescape"))
            part.replace(path)


def _difference(found: dict[str, Any], facts: dict[str, Any]) -> tuple[str, Any, Any]:
    """Return the first fact that differs: its name, what it was, and what it is now."""
    before, now = ({**each, **each.get("description", {})} for each in (found, facts))
    names = [name for name in now if name != "description" and before.get(name) != now[name]]
    name = names[0] if names else "description"
    return name.replace("_", " "), before.get(name), now.get(name)

"""Shards: which recordings belong to one, and writing it whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from codectool.files.byte_reader import PIECE_BYTES
from codectool.files.outputs import open_atomic
from codectool.models.loaded import LoadedModel
from codectool.tokens.encoding import encode_inputs
from codectool.tokens.formats import Format
from codectool.tokens.items import Input
from codectool.tokens.keys import Keys
from codectool.tokens.records import Description, Record
from codectool.tokens.tar_formats import member_name


@dataclass(frozen=True)
class Shard:
    """One shard to write: its number, the name of its file, and its recordings, sorted by key."""

    number: int
    name: str
    inputs: tuple[Input, ...]

    def digest(self, failed: Container[str] = ()) -> str:
        """Return what tells the same inputs from others: sha256 of their keys, sizes, parts and fields.

        Of inputs that failed the size is left out: they are still the same when they have been mended.
        """
        digest = hashlib.sha256()
        for each in self.inputs:
            place = each.place
            size_bytes = -1 if each.key in failed else place.known_bytes()
            line = f"{each.key}\0{size_bytes}"
            if place.start_s is not None or each.fields:
                line += json.dumps([place.start_s, place.duration_s, each.fields], sort_keys=True)
            digest.update(f"{line}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


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


def with_own_keys(shards: Iterable[Shard]) -> Iterator[Shard]:
    """Yield shards in which a recording whose key came before, in them or an earlier one, has a problem."""
    keys = Keys()
    for shard in shards:
        again = keys.add([member_name(each.key) for each in shard.inputs])
        inputs = (
            replace(each, problem="another recording has the same key") if came else each
            for each, came in zip(shard.inputs, again, strict=True)
        )
        yield replace(shard, inputs=tuple(inputs))


def write_shard(
    shard: Shard, target: Path, form: Format, model: LoadedModel, description: Description
) -> Written:
    """Encode the recordings of a shard and write it; return what came of it."""
    errors: list[dict[str, str]] = []
    counted = _Counted()
    path = target / shard.name
    with open_atomic(path, overwrite=True) as output:
        records = _records(shard, form, model, description, errors)
        form.write(output, description, counted(records), path)
    return Written(
        shard=shard.name,
        inputs_sha256=shard.digest({error["id"] for error in errors}),
        items=counted.items,
        frames=counted.frames,
        duration_s=counted.duration_s,
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        errors=errors,
    )


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
    for came in encode_inputs(shard.inputs, model, description):
        if isinstance(came, Record):
            yield came
            continue
        given, reason = came
        errors.append({"id": given.key, "shard": shard.name, "reason": reason})
        if form.keeps_failed:
            yield Record(given.key, None)

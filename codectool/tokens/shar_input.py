"""Lhotse Shar folders as input: a shard of codes for each shard of cuts, in the order of the cuts."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePath

from codectool.errors import DataError, FileError
from codectool.tokens.items import Input, Place
from codectool.tokens.shards import Shard

CUTS = "cuts.*.jsonl*"


def is_shar(source: str) -> bool:
    """Return whether a source is a folder with cuts of Lhotse Shar."""
    return Path(source).is_dir() and any(Path(source).glob(CUTS))


def shar_shards(source: str, pattern: str) -> Iterator[Shard]:
    """Yield a shard for each file of cuts, with the same number.

    Raises FileError when the recordings of a shard are missing, and DataError when they are not those of its
    cuts.
    """
    for cuts in sorted(Path(source).glob(CUTS)):
        number = int(cuts.name.split(".")[1])
        recordings = cuts.with_name(f"recording.{number:06}.tar")
        if not recordings.is_file():
            raise FileError(f"{recordings}: there is no such file, for the cuts in {cuts.name}")
        inputs = tuple(_inputs(cuts, recordings))
        yield Shard(number, pattern.format(number), inputs)


def _inputs(cuts: Path, recordings: Path) -> Iterator[Input]:
    open_text = gzip.open if cuts.suffix == ".gz" else open
    try:
        with open_text(cuts, "rt") as lines, tarfile.open(recordings, "r:") as archive:
            audio = (member for member in archive if PurePath(member.name).suffix not in (".json", ".nometa"))
            for line, member in zip(lines, audio, strict=True):
                name, key = PurePath(member.name), json.loads(line)["id"]
                if str(name.with_suffix("")) != key:
                    raise DataError(f"{recordings}: has {name}, where {cuts.name} has the cut {key}")
                place = Place(str(recordings), member.offset_data, member.size, name=member.name)
                yield Input(key, place, problem="has no recording" if name.suffix == ".nodata" else None)
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{cuts}: does not fit {recordings.name} ({error})") from error

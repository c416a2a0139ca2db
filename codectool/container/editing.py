"""Commands on whole .ecdc files that need no model: verify, trim to the lower levels, change tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codectool.container.opening import AnyHeader, open_reader
from codectool.container.reader import Reader
from codectool.container.summary import Summary, scan
from codectool.container.trimming import copy, trim
from codectool.container.writer import Writer
from codectool.errors import UsageError
from codectool.files.inputs import open_input, refuse_same
from codectool.files.outputs import open_output


@dataclass(frozen=True)
class TrimJob:
    """What of a file to keep: a number of levels, or as many as a bit rate in bits a second pays for."""

    source: str
    target: str
    levels: int | None = None
    rate_bps: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class TagJob:
    """The tags of a file to change.

    An empty text drops a tag, and `clear` drops all that are not named. The target may be the source itself.
    """

    source: str
    target: str
    tags: Mapping[str, str]
    clear: bool = False
    overwrite: bool = False


def verify(source: str) -> Summary:
    """Read a file to its end and check every packet; DataError when not even its header is good."""
    with open_input(source) as stream:
        return scan(stream)


def trim_file(job: TrimJob) -> int:
    """Write a copy with the lower levels only, as encoding at the lower rate would; return its size in bytes.

    Raises UsageError when the file has no such levels, and DataError when it is damaged.
    """
    refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        reader = open_reader(stream)
        levels = job.levels if job.levels is not None else _levels_for(reader.header, job.rate_bps or 0.0)
        with open_output(job.target, overwrite=job.overwrite) as output:
            return trim(reader, output, levels)


def tag_file(job: TagJob) -> dict[str, str]:
    """Write a copy with other tags and the same codes and header; return the tags.

    Names of tags mean the same in capitals or not. Raises UsageError for tags that cannot be and for version
    0, which has none, and DataError when the file is damaged.
    """
    with open_input(job.source) as stream:
        reader = open_reader(stream)
        if not isinstance(reader, Reader):
            raise UsageError(f"{job.source}: version 0 has no tags; convert it to version 1 first")
        with open_output(job.target, overwrite=job.overwrite) as output:
            writer = Writer(output, reader.header)
            return copy(reader, writer, tags=lambda found: _changed(found, job))


def _changed(found: Mapping[str, str], job: TagJob) -> dict[str, str]:
    kept = {} if job.clear else {name.lower(): text for name, text in found.items()}
    changed = {**kept, **{name.strip().lower(): text for name, text in job.tags.items()}}
    return {name: text for name, text in changed.items() if text}


def _levels_for(header: AnyHeader, rate_bps: float) -> int:
    level_bps = header.nominal_bps / header.levels
    levels = int(rate_bps / level_bps + 1e-9)
    if not 1 <= levels <= header.levels:
        raise UsageError(
            f"{rate_bps / 1000:g} kbps is not possible: the file has {level_bps / 1000:g} to "
            f"{header.nominal_bps / 1000:g} kbps in steps of {level_bps / 1000:g}"
        )
    return levels

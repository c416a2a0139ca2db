"""What a file says and whether it is whole, for people and programs that want no sound of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from codectool.container.header import VERSION, Header
from codectool.container.reader import Audio, Gap, Reader
from codectool.errors import FileError


@dataclass(frozen=True)
class Summary:
    """One file, read to its end.

    Attributes:
        header: what the file says about itself.
        packets: good packets of all kinds.
        frames: frames whose codes are there.
        total_samples: length at the original rate, None if the last packet is not there.
        duration_s: the same in seconds.
        size_bytes: size of the file, without foreign bytes behind it.
        rate_bps: size in bits over duration, headers and all; None if the duration is not known or 0.
        tags: the tags, empty without.
        gaps: the first 1000 pieces of damage.
        gap_count: number of all.
        complete: True if there is no damage and nothing is missing or too much.
    """

    header: Header
    packets: int
    frames: int
    total_samples: int | None
    duration_s: float | None
    size_bytes: int
    rate_bps: float | None
    tags: dict[str, str]
    gaps: tuple[Gap, ...]
    gap_count: int
    complete: bool

    def facts(self) -> dict[str, object]:
        """Return what a person or a program wants to know, in plain values, by names with units."""
        header = self.header
        return {
            "version": VERSION,
            "model": header.model,
            "weights": header.fingerprint.hex(),
            "duration_s": self.duration_s,
            "samples": self.total_samples,
            "sample_rate_hz": header.original_rate_hz,
            "channels": header.original_channels,
            "model_rate_hz": header.model_rate_hz,
            "coded_channels": header.streams,
            "levels": header.levels,
            "frames": self.frames,
            "packets": self.packets,
            "size_bytes": self.size_bytes,
            "nominal_bps": header.nominal_bps,
            "actual_bps": None if self.rate_bps is None else round(self.rate_bps, 1),
            "tags": self.tags,
            "complete": self.complete,
            "damage": [asdict(gap) for gap in self.gaps],
        }


def scan(source: str | PathLike[str] | BinaryIO) -> Summary:
    """Read a file or stream to its end, check all of it, and sum it up, in memory that does not grow with it.

    Raises DataError if the header is damaged or foreign (later damage is in the summary), and FileError if a
    path cannot be read.
    """
    if not isinstance(source, (str, PathLike)):
        return _scan(source)
    try:
        with Path(source).open("rb") as stream:
            return _scan(stream)
    except OSError as error:
        raise FileError(f"cannot read {source}: {error.strerror}") from error


def _scan(stream: BinaryIO) -> Summary:
    reader = Reader(stream)
    frames = sum(event.codes.shape[2] for event in reader if isinstance(event, Audio))
    samples = reader.total_samples
    duration_s = None if samples is None else samples / reader.header.original_rate_hz
    return Summary(
        header=reader.header,
        packets=reader.packets,
        frames=frames,
        total_samples=samples,
        duration_s=duration_s,
        size_bytes=reader.bytes_read,
        rate_bps=8 * reader.bytes_read / duration_s if duration_s else None,
        tags=reader.tags,
        gaps=tuple(reader.gaps),
        gap_count=reader.gap_count,
        complete=reader.complete,
    )

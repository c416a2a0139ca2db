"""What a file says about itself, and whether it is whole; no sound is made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import BinaryIO

from codectool.container.fit import heard_channels, is_overlong, misfit
from codectool.container.header import Header
from codectool.container.opening import AnyHeader, AnyReader, open_reader
from codectool.container.reader import Audio, Gap
from codectool.container.v0 import HeaderV0
from codectool.container.v0_reader import ReaderV0
from codectool.errors import DataError
from codectool.models.registry import find, is_known


@dataclass(frozen=True)
class Summary:
    """One file, read to its end.

    Attributes:
        header: what the file says about itself.
        packets: good packets of all kinds.
        frames: frames whose codes are there, None if that cannot be told.
        total_samples: length at the original rate, None if the last packet is not there.
        duration_s: the same in seconds.
        size_bytes: size of the file, without foreign bytes behind it.
        rate_bps: size in bits over duration, headers and all; None if the duration is not known or 0.
        tags: the tags, empty without.
        gaps: the first 1000 pieces of damage.
        gap_count: number of all.
        complete: True if there is no damage and nothing is missing or too much, None if that cannot be told.

    Of entropy-coded version 0 only the header is looked at: the rest needs a language model. Other version 0
    files have no checksums, so damage inside their codes is not found.
    """

    header: AnyHeader
    packets: int
    frames: int | None
    total_samples: int | None
    duration_s: float | None
    size_bytes: int
    rate_bps: float | None
    tags: dict[str, str]
    gaps: tuple[Gap, ...]
    gap_count: int
    complete: bool | None

    def facts(self) -> dict[str, object]:
        """Return what a person or a program wants to know, in plain values, by names with units."""
        header = self.header
        entry = find(header.model) if is_known(header.model) else None
        return {
            "version": header.version,
            "model": header.model,
            "weights": None if header.fingerprint is None else header.fingerprint.hex(),
            "duration_s": self.duration_s,
            "samples": self.total_samples,
            "sample_rate_hz": header.original_rate_hz,
            "channels": header.original_channels,
            "model_rate_hz": header.model_rate_hz,
            "coded_channels": header.streams if entry is None else heard_channels(header, entry),
            "levels": header.levels,
            "frames": self.frames,
            "packets": self.packets,
            "size_bytes": self.size_bytes,
            "nominal_bps": header.nominal_bps,
            "actual_bps": None if self.rate_bps is None else round(self.rate_bps, 1),
            "entropy_coded": isinstance(header, HeaderV0) and header.language_model,
            "tags": self.tags,
            "complete": self.complete,
            "damage_count": self.gap_count,
            "damage": [asdict(gap) for gap in self.gaps],
        }


def scan(stream: BinaryIO, header: Header | None = None) -> Summary:
    """Read a file to its end, check all of it, and sum it up; memory does not grow with it.

    A `header` is used as by `open_reader`. Raises DataError if the header is damaged, foreign, or of what its
    model cannot have. Damage further on is in the summary.
    """
    reader = open_reader(stream, header=header)
    if problem := misfit(reader.header):
        raise DataError(problem)
    frames: int | None = None
    complete: bool | None = None
    if isinstance(reader, ReaderV0) and reader.header.language_model:
        reader.pass_over()
        samples: int | None = reader.header.total_samples
    else:
        frames = _read_frames(reader)
        samples, complete = reader.total_samples, reader.complete
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
        complete=complete,
    )


def _read_frames(reader: AnyReader) -> int:
    """Read all codes and return how many frames of them are there; report a length that cannot be theirs."""
    frames, end_frame = 0, 0
    for event in reader:
        if isinstance(event, Audio):
            frames += event.codes.shape[2]
            end_frame = event.first_frame + event.codes.shape[2]
        else:
            end_frame = event.first_frame + (event.frames or 0)
    if reader.total_samples is not None and is_overlong(reader.header, end_frame, reader.total_samples):
        reader.report(end_frame, "the length it states is less than it holds")
    return frames

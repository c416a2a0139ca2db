"""Work on the codes of a file without a model: copy them, drop levels, take them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codectool.container.opening import AnyReader
from codectool.container.reader import Audio, Gap
from codectool.container.v0 import HeaderV0
from codectool.container.v0_writer import WriterV0
from codectool.container.writer import Writer
from codectool.errors import DataError, UsageError


def trim(reader: AnyReader, target: BinaryIO, levels: int) -> int:
    """Copy a file with its first `levels` levels only, and its tags; return the bytes written.

    The reader has to be at the start. The result is what the writer of the same version writes for `codes[:,
    :levels]`, so it is the same encoding at a lower rate. Raises UsageError if the file has fewer levels, and
    DataError at the first damage, with part of the copy written.
    """
    header = reader.header
    if not 1 <= levels <= header.levels:
        raise UsageError(f"cannot keep {levels} levels: the file has {header.levels}")
    writer: Writer | WriterV0
    if isinstance(header, HeaderV0):
        writer = WriterV0(target, header.model, levels)
    else:
        writer = Writer(target, replace(header, levels=levels))
    copy(reader, writer, levels)
    return writer.bytes_written


def copy(
    reader: AnyReader,
    writer: Writer | WriterV0,
    levels: int | None = None,
    tags: Callable[[Mapping[str, str]], dict[str, str]] = dict,
) -> dict[str, str]:
    """Write all codes of a file, or its first `levels` levels, and finish the copy; return its tags.

    `tags` makes the copy's tags of the file's own, which come last. Raises DataError at the first damage,
    with part of the copy written.
    """
    for audio in _whole(reader):
        writer.write_codes(audio.codes[:, :levels], audio.scale)
    if reader.total_samples is None:
        raise DataError("the file ends before its last packet")
    written = tags(reader.tags)
    writer.finish(reader.total_samples, written)
    return written


def codes_of(reader: AnyReader) -> npt.NDArray[np.int16]:
    """Return all codes of a file, int16 `[streams, levels, frames]`; memory grows with it.

    The reader has to be at the start. Raises DataError if any code is damaged, and UsageError for codes of 16
    bits, which int16 does not hold.
    """
    return codes_and_scales_of(reader)[0]


def codes_and_scales_of(reader: AnyReader) -> tuple[npt.NDArray[np.int16], list[float]]:
    """Return all codes of a file, as `codes_of` does, and the scales of its segments, if it has any."""
    header = reader.header
    if header.bits_per_code > 15:
        raise UsageError(f"codes of {header.bits_per_code} bits do not fit int16: read them with Reader")
    pieces: list[npt.NDArray[np.int16]] = [np.empty((header.streams, header.levels, 0), dtype=np.int16)]
    scales = []
    for audio in _whole(reader):
        pieces.append(audio.codes.astype(np.int16))
        if audio.scale is not None:
            scales.append(audio.scale)
    return np.concatenate(pieces, axis=2), scales


def _whole(reader: AnyReader) -> Iterator[Audio]:
    """Yield the audio of a file; DataError at the first damage."""
    for event in reader:
        if isinstance(event, Gap):
            raise DataError(f"damaged at frame {event.first_frame}: {event.reason}; get the file again")
        yield event

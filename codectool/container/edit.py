"""Work on codes without a model: drop levels, take the codes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codectool.container.bits import Codes
from codectool.container.reader import Gap, Reader
from codectool.container.writer import Writer
from codectool.errors import DataError, UsageError


def trim(reader: Reader, target: BinaryIO, levels: int) -> int:
    """Copy a file, from its start, with its first `levels` levels only, tags kept; return the bytes written.

    The result is what Writer writes for `codes[:, :levels]`, so a lower rate of the same encoding. Raises
    UsageError if the file has fewer levels, and DataError at the first damage, with part of it written.
    """
    if not 1 <= levels <= reader.header.levels:
        raise UsageError(f"cannot keep {levels} levels: the file has {reader.header.levels}")
    writer = Writer(target, replace(reader.header, levels=levels))
    for codes in _whole(reader):
        writer.write_codes(codes[:, :levels])
    if reader.total_samples is None:
        raise DataError("the file ends before its last packet")
    writer.finish(reader.total_samples, reader.tags)
    return writer.bytes_written


def codes_of(reader: Reader) -> npt.NDArray[np.int16]:
    """Return all codes of a file, from its start, as `[streams, levels, frames]`; memory grows with it.

    Raises DataError if any is damaged, and UsageError for codes of 16 bits, which int16 does not hold.
    """
    header = reader.header
    if header.bits_per_code > 15:
        raise UsageError(f"codes of {header.bits_per_code} bits do not fit int16: read them with Reader")
    pieces: list[npt.NDArray[np.int16]] = [np.empty((header.streams, header.levels, 0), dtype=np.int16)]
    pieces += [codes.astype(np.int16) for codes in _whole(reader)]
    return np.concatenate(pieces, axis=2)


def _whole(reader: Reader) -> Iterator[Codes]:
    """Yield the codes of a file; DataError at the first damage."""
    for event in reader:
        if isinstance(event, Gap):
            raise DataError(f"damaged at frame {event.first_frame}: {event.reason}; get the file again")
        yield event.codes

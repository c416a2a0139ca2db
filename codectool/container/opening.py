"""A reader for an .ecdc file of either version."""

from __future__ import annotations

from contextlib import suppress
from typing import BinaryIO, TypeAlias

from codectool.container.header import Header
from codectool.container.reader import Reader
from codectool.container.v0 import MAGIC, HeaderV0
from codectool.container.v0_reader import LanguageModelFinder, ReaderV0
from codectool.errors import DataError
from codectool.files.byte_reader import ByteReader

AnyHeader: TypeAlias = Header | HeaderV0
AnyReader: TypeAlias = Reader | ReaderV0


def open_reader(
    stream: BinaryIO, language_model: LanguageModelFinder | None = None, header: Header | None = None
) -> AnyReader:
    """Return the reader for the version that the header states; DataError if it is damaged or foreign.

    Entropy-coded codes of version 0 need `language_model`, which gives the model for a header. A version 1
    `header` of another file, which was encoded alike, is used instead of the file's own.
    """
    origin = stream.tell() if stream.seekable() else None
    source = ByteReader(stream)
    source.fill(len(MAGIC))
    start = bytes(source.ahead)
    if header is not None or not start.startswith(MAGIC):
        return Reader(stream, start, header)
    try:
        return ReaderV0(stream, start, language_model)
    except DataError as error:
        if origin is None:
            raise
        stream.seek(origin)
        with suppress(DataError):  # else it was version 0 indeed
            return Reader(stream)  # whose version is a flipped bit
        raise error

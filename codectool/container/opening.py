"""A reader for an .ecdc file of either version."""

from __future__ import annotations

from typing import BinaryIO, TypeAlias

from codectool.container.header import Header
from codectool.container.reader import Reader
from codectool.container.v0 import MAGIC, HeaderV0
from codectool.container.v0_reader import LanguageModelFinder, ReaderV0
from codectool.files.lookahead import read_up_to

AnyHeader: TypeAlias = Header | HeaderV0
AnyReader: TypeAlias = Reader | ReaderV0


def open_reader(stream: BinaryIO, language_model: LanguageModelFinder | None = None) -> AnyReader:
    """Return the reader for the version that the header states; DataError if it is damaged or foreign.

    `language_model` gives the model that entropy-coded codes of version 0 need.
    """
    start = read_up_to(stream, len(MAGIC))
    if start == MAGIC:
        return ReaderV0(stream, start, language_model)
    return Reader(stream, start)

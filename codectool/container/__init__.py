"""The .ecdc format: codes to bytes and back, without torch. FORMAT.md is the specification.

Version 1 is ours, version 0 EnCodec's own; `open_reader` reads both.
"""

from __future__ import annotations

from codectool.container.bits import Codes
from codectool.container.header import Header, read_header
from codectool.container.opening import AnyHeader, AnyReader, open_reader
from codectool.container.reader import Audio, Event, Gap, Reader
from codectool.container.summary import Summary, scan
from codectool.container.trimming import codes_and_scales_of, codes_of, copy, trim
from codectool.container.v0 import HeaderV0
from codectool.container.v0_codes import Predictor
from codectool.container.v0_reader import LanguageModelFinder, ReaderV0
from codectool.container.v0_writer import WriterV0
from codectool.container.writer import Writer

__all__ = [
    "AnyHeader",
    "AnyReader",
    "Audio",
    "Codes",
    "Event",
    "Gap",
    "Header",
    "HeaderV0",
    "LanguageModelFinder",
    "Predictor",
    "Reader",
    "ReaderV0",
    "Summary",
    "Writer",
    "WriterV0",
    "codes_and_scales_of",
    "codes_of",
    "copy",
    "open_reader",
    "read_header",
    "scan",
    "trim",
]

"""The .ecdc format: codes to bytes and back, without torch. FORMAT.md is the specification.

Version 1 is here; EnCodec's own layout (version 0) will be a module of its own beside it.
"""

from __future__ import annotations

from codectool.container.bits import Codes
from codectool.container.edit import codes_of, trim
from codectool.container.header import Header, read_header
from codectool.container.reader import Audio, Event, Gap, Reader
from codectool.container.summary import Summary, scan
from codectool.container.writer import Writer

__all__ = [
    "Audio",
    "Codes",
    "Event",
    "Gap",
    "Header",
    "Reader",
    "Summary",
    "Writer",
    "codes_of",
    "read_header",
    "scan",
    "trim",
]

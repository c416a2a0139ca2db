"""codectool: a streaming neural audio codec for speech and music at 0.75 to 24 kbps.

What it exports is loaded when first used, so that importing it costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codectool.api.codes import Codes as Codes
    from codectool.api.files import CodedFile as CodedFile
    from codectool.api.files import decode_file as decode_file
    from codectool.api.files import encode_file as encode_file
    from codectool.api.files import open as open
    from codectool.api.files import read as read
    from codectool.api.model import Model as Model
    from codectool.api.model import load as load
    from codectool.api.streams import StreamDecoder as StreamDecoder
    from codectool.api.streams import StreamEncoder as StreamEncoder
    from codectool.errors import CodecError as CodecError
    from codectool.errors import DataError as DataError
    from codectool.errors import FileError as FileError
    from codectool.errors import UsageError as UsageError
    from codectool.errors import WeightsError as WeightsError

__version__ = "1.0.0"

HOMES = {
    "codectool.api.codes": ("Codes",),
    "codectool.api.files": ("CodedFile", "decode_file", "encode_file", "open", "read"),
    "codectool.api.model": ("Model", "load"),
    "codectool.api.streams": ("StreamDecoder", "StreamEncoder"),
    "codectool.errors": ("CodecError", "DataError", "FileError", "UsageError", "WeightsError"),
}
_HOME_OF = {name: home for home, names in HOMES.items() for name in names}
__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'codectool' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

"""The two loops: audio to a file of codes, and back. A job says what to do, a result what came of it.

Each is loaded when it is first used, so that an encode waits for nothing that only a decode needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codectool.pipeline.decode_loop import decode_blocks as decode_blocks
    from codectool.pipeline.decoding import DecodeJob as DecodeJob
    from codectool.pipeline.decoding import DecodeResult as DecodeResult
    from codectool.pipeline.decoding import decode as decode
    from codectool.pipeline.encoding import EncodeResult as EncodeResult
    from codectool.pipeline.encoding import encode as encode
    from codectool.pipeline.encoding import encode_all as encode_all
    from codectool.pipeline.planning import EncodeJob as EncodeJob

_HOMES = {
    "decode_loop": ("decode_blocks",),
    "decoding": ("DecodeJob", "DecodeResult", "decode"),
    "encoding": ("EncodeResult", "encode", "encode_all"),
    "planning": ("EncodeJob",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)

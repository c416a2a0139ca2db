"""The two loops: audio to a file of codes, and back. A job says what to do, a result what came of it."""

from __future__ import annotations

from codectool.pipeline.decode_loop import decode_blocks
from codectool.pipeline.decoding import DecodeJob, DecodeResult, decode
from codectool.pipeline.encoding import EncodeResult, encode, encode_all
from codectool.pipeline.planning import EncodeJob

__all__ = [
    "DecodeJob",
    "DecodeResult",
    "EncodeJob",
    "EncodeResult",
    "decode",
    "decode_blocks",
    "encode",
    "encode_all",
]

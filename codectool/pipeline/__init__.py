"""The two loops: audio to a file of codes, and back. A job says what to do, a result what came of it."""

from __future__ import annotations

from codectool.jobs import DecodeJob, EncodeJob
from codectool.pipeline.decode_loop import decode_blocks
from codectool.pipeline.decoding import DecodeResult, decode
from codectool.pipeline.encoding import EncodeResult, encode, encode_all

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

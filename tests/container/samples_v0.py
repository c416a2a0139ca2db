"""Small version 0 files, and a predictor that needs no network."""

from __future__ import annotations

import io
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.container import HeaderV0, Predictor, WriterV0
from codectool.container.bits import Codes
from codectool.container.v0 import read_header_v0
from codectool.container.v0_arithmetic import RANGE_BITS, Bounds
from codectool.files.byte_reader import ByteReader

CODES = 1024

Segments: TypeAlias = list[npt.NDArray[np.uint16]]  # codes [1, levels, frames] of each


class ToyPredictor:
    """Takes codes near those of the frame before for likely; the state counts frames."""

    def step(self, frame: Codes | None, levels: int, state: Any) -> tuple[Bounds, Any]:
        """Return the bounds of each level, made of integers."""
        time = state or 0
        last = np.zeros(levels, np.int64) if frame is None else frame.astype(np.int64)
        distance = np.abs(np.arange(CODES) - (last[:, None] + time) % CODES)
        weights = 2 + 60_000 // (1 + distance)
        shares = 2 + weights * (2**RANGE_BITS - 2 * CODES) // weights.sum(axis=1, keepdims=True)
        return np.cumsum(shares, axis=1), time + 1


def make_codes_v0(header: HeaderV0, seed: int = 0) -> Segments:
    """Return random codes."""
    generator = np.random.default_rng(seed)
    shape = (1, header.levels)
    return [generator.integers(0, CODES, (*shape, n)).astype(np.uint16) for n in header.segments()]


def make_scales(header: HeaderV0) -> list[float | None]:
    """Return a scale for each segment, None for models that have none."""
    return [
        float(np.float32(0.1 * (1 + i))) if header.scaled else None for i, _ in enumerate(header.segments())
    ]


def make_file_v0(
    header: HeaderV0, segments: Segments, push: int = 1000, predictor: Predictor | None = None
) -> bytes:
    """Return a file of these codes, written `push` frames at a time where there are no segments."""
    stream = io.BytesIO()
    writer = WriterV0(stream, header.model, header.levels, predictor)
    for codes, scale in zip(segments, make_scales(header), strict=True):
        step = codes.shape[2] if header.scaled else push
        for start in range(0, codes.shape[2], step):
            writer.write_codes(codes[:, :, start : start + step], scale)
    writer.finish(header.total_samples)
    assert writer.bytes_written == len(stream.getvalue())
    return stream.getvalue()


def header_bytes_of(data: bytes) -> int:
    """Return how long the header of a file is."""
    source = ByteReader(io.BytesIO(data))
    read_header_v0(source)
    return source.position

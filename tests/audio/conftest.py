from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codectool.audio.source import AudioSource, open_source


class Trickle(io.RawIOBase):
    """A pipe that gives at most so many bytes a read."""

    def __init__(self, data: bytes, most_bytes: int = 1) -> None:
        self._data = io.BytesIO(data)
        self._most_bytes = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._data.read(min(len(buffer), self._most_bytes))
        buffer[: len(piece)] = piece
        return len(piece)


def read(path: Any, **options: Any) -> tuple[np.ndarray, AudioSource]:
    """All of a source: the audio, and the source itself after the last block."""
    with open_source(path, **options) as source:
        blocks = list(source.blocks())
    audio = np.concatenate([np.zeros((source.channels, 0), np.float32), *blocks], axis=1)
    return audio, source


@pytest.fixture
def trickle() -> Callable[..., io.BufferedReader]:
    """Makes a buffered pipe from bytes that come a few at a time."""

    def make(data: bytes, most_bytes: int = 1) -> io.BufferedReader:
        return io.BufferedReader(Trickle(data, most_bytes))

    return make


@pytest.fixture
def wav_bytes() -> Callable[..., bytes]:
    """Makes a WAV with any sizes in its header, and chunks before and after its samples."""

    def make(
        samples: bytes,
        *,
        tag: int = 1,
        channels: int = 1,
        rate_hz: int = 24000,
        bits: int = 16,
        riff_bytes: int | None = None,
        data_bytes: int | None = None,
        before: bytes = b"",
        after: bytes = b"",
    ) -> bytes:
        align = channels * bits // 8
        fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align, align, bits)
        padding = b"\0" * (len(samples) % 2)
        body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + before
        body += b"data" + struct.pack("<I", len(samples) if data_bytes is None else data_bytes)
        body += samples + padding + after
        return b"RIFF" + struct.pack("<I", len(body) if riff_bytes is None else riff_bytes) + body

    return make


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Makes a block of noise within -0.5..0.5 that sits exactly on 16-bit levels."""

    def make(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
        levels = np.random.default_rng(seed).integers(-(1 << 14), 1 << 14, (channels, samples))
        return (levels / (1 << 15)).astype(np.float32)

    return make

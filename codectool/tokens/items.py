"""One recording to tokenize, and where it is; its bytes are read when its turn comes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from codectool.audio.pcm import Block
from codectool.audio.source import AudioSource, open_bytes, open_source
from codectool.errors import DataError
from codectool.files.inputs import open_file
from codectool.tokens.parquet_format import pyarrow

CODED_SUFFIX = ".ecdc"
PATH_DIGITS = 8  # of a hash, in keys for files that lie elsewhere


@dataclass(frozen=True)
class Place:
    """The place of a recording: a file, some bytes of it, or a row of a Parquet file.

    Attributes:
        path: the file.
        start_byte, size_bytes: where the recording is in a tar file; None for the whole file.
        row: the row of a Parquet file whose column `audio` holds the recording.
        name: the name of the member of a tar file, or of the file that a row names.
        start_s, duration_s: the part of the sound that is meant; None for all of it, or to its end.
    """

    path: str
    start_byte: int | None = None
    size_bytes: int | None = None
    row: int | None = None
    name: str = ""
    start_s: float | None = None
    duration_s: float | None = None

    @property
    def is_coded(self) -> bool:
        """Whether it holds codes already."""
        return PurePath(self.name or self.path).suffix.lower() == CODED_SUFFIX

    def read(self) -> bytes:
        """Return all bytes; FileError or DataError when they cannot be read."""
        if self.row is not None:
            data = audio_column(self.path, self.row)
            if data is None and not self.name:
                raise DataError("its column audio is empty")
            return data if data is not None else _read(self.name, 0, None)
        return _read(self.path, self.start_byte or 0, self.size_bytes)

    def open_audio(self, name: str) -> AudioSource:
        """Open a recording as a source of audio, called `name` in messages."""
        whole = self.row is None and self.start_byte is None
        source = open_source(self.path) if whole else open_bytes(self.read(), name)
        return source if self.start_s is None else PartSource(source, self.start_s, self.duration_s)

    def known_bytes(self) -> int:
        """Return the number of bytes, of a row those of its whole file; -1 where there is no file."""
        if self.size_bytes is not None:
            return self.size_bytes
        try:
            return Path(self.path).stat().st_size if self.path else -1
        except OSError:
            return -1


class PartSource(AudioSource):
    """Audio of a part of a source, which it closes; DataError for a part that begins behind the end."""

    def __init__(self, whole: AudioSource, start_s: float, duration_s: float | None) -> None:
        super().__init__(whole.name, whole.rate_hz, whole.channels, None)
        self._whole = whole
        self._skip_samples = round(start_s * whole.rate_hz)
        self._left_samples = None if duration_s is None else round(duration_s * whole.rate_hz)
        self._blocks = whole.blocks()
        self._held = np.zeros((whole.channels, 0), np.float32)

    def _read(self, samples: int) -> Block:
        while self._skip_samples or not self._held.shape[1]:
            block = next(self._blocks, None)
            if block is None and self._skip_samples:
                raise DataError("ends before the part begins that is meant")
            if block is None:
                break
            self._held = block[:, self._skip_samples :]
            self._skip_samples = max(0, self._skip_samples - block.shape[1])
        count = samples if self._left_samples is None else min(samples, self._left_samples)
        given, self._held = self._held[:, :count], self._held[:, count:]
        if self._left_samples is not None:
            self._left_samples -= given.shape[1]
        return given

    def _close(self) -> None:
        self._whole.__exit__(None, None, None)


@dataclass(frozen=True)
class Input:
    """One recording to tokenize: its key, its place, and the fields that are passed through.

    `problem` says why there is no recording, for an item of a manifest that cannot be read.
    """

    key: str
    place: Place = Place("")
    fields: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


def key_of(path: str, base: Path) -> str:
    """Return a key for a file: its path below the base, else its name and a hash of its whole path."""
    pure = PurePath(path)
    absolute = Path(os.path.abspath(base / pure))  # noqa: PTH100 (resolving would follow links)
    home = Path(os.path.abspath(base))  # noqa: PTH100
    if absolute.is_relative_to(home):
        return absolute.relative_to(home).with_suffix("").as_posix()
    digest = hashlib.sha256(os.fsencode(str(absolute))).hexdigest()[:PATH_DIGITS]
    return f"{pure.stem}-{digest}"


def _read(path: str, start_byte: int, size_bytes: int | None) -> bytes:
    with open_file(Path(path)) as file:
        file.seek(start_byte)
        data = file.read(-1 if size_bytes is None else size_bytes)
    if size_bytes is not None and len(data) < size_bytes:
        raise DataError(f"{path}: ends before the recording does")
    return data


def audio_column(path: str, row: int) -> bytes | None:
    """Return the bytes in a row's `audio`, None if it only names a file."""
    first, audio = _row_group(path, row)
    value = audio[row - first].as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    return value if isinstance(value, bytes) else None


def _state(path: str) -> tuple[int, ...]:
    """Return what tells a file from one that is there later, or from elsewhere, under the same name."""
    found = Path(path).stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1)
def _bounds(path: str, state: tuple[int, ...]) -> list[int]:
    with pyarrow().parquet.ParquetFile(path) as file:
        counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return [sum(counts[:group]) for group in range(len(counts) + 1)]


def _row_group(path: str, row: int) -> tuple[int, Any]:
    state = _state(path)
    bounds = _bounds(path, state)
    group = max(number for number, first in enumerate(bounds[:-1]) if first <= row)
    return bounds[group], _loaded_group(path, state, group)


@lru_cache(maxsize=1)
def _loaded_group(path: str, state: tuple[int, ...], group: int) -> Any:
    with pyarrow().parquet.ParquetFile(path) as file:
        return file.read_row_group(group, columns=["audio"]).column("audio").combine_chunks()

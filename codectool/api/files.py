"""Files: encode, decode, read a part of one, and look into one without any model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.container import Summary, codes_of, open_reader, scan
from codectool.files.inputs import open_input
from codectool.models.registry import DEFAULT_MODEL
from codectool.pipeline import DecodeJob, DecodeResult, EncodeJob, EncodeResult, decode, encode
from codectool.pipeline.decoding import decode_part

PathLike: TypeAlias = str | Path


def encode_file(
    source: PathLike,
    target: PathLike,
    *,
    bitrate: float | None = None,
    levels: int | None = None,
    model: str = DEFAULT_MODEL,
    weights: PathLike | None = None,
    device: str = "cpu",
    precision: str = "auto",
    engine: str = "auto",
    overwrite: bool = False,
    keep_channels: bool = False,
    tags: Mapping[str, str] | None = None,
) -> EncodeResult:
    """Encode a recording, in any format that libsndfile reads, to an .ecdc file.

    Memory does not grow with its length. Returns what came of it (duration, levels, rates, bytes, notes).
    Raises FileError (an OSError) for files that cannot be read or written, DataError for what is no audio,
    UsageError (a ValueError) for what is impossible; then no file is left behind. The file is the same as
    `codec encode` writes.
    """
    return encode(
        EncodeJob(
            source=str(source),
            target=str(target),
            levels=levels,
            rate_bps=bitrate,
            model=model,
            weights=None if weights is None else Path(weights),
            device=device,
            precision=precision,
            engine=engine,
            overwrite=overwrite,
            keep_channels=keep_channels,
            tags=tags or {},
        )
    )


def decode_file(
    source: PathLike,
    target: PathLike,
    *,
    weights: PathLike | None = None,
    device: str = "cpu",
    precision: str = "auto",
    engine: str = "auto",
    overwrite: bool = False,
    subtype: str | None = None,
    strict: bool = False,
    start: float = 0.0,
    duration: float | None = None,
) -> DecodeResult:
    """Decode an .ecdc file to a recording whose suffix says its format, at its own rate and exact length.

    What a damaged file has lost is silence, and `damage` of the result lists it; with `strict` it is a
    DataError, and nothing is written. `start` and `duration` (seconds) ask for a part. Errors are as of
    `encode_file`, and WeightsError when the weights are not those it was made with.
    """
    return decode(
        DecodeJob(
            source=str(source),
            target=str(target),
            weights=None if weights is None else Path(weights),
            device=device,
            precision=precision,
            engine=engine,
            overwrite=overwrite,
            subtype=subtype,
            strict=strict,
            start_s=start,
            duration_s=duration,
        )
    )


def read(
    path: PathLike,
    start: float = 0.0,
    duration: float | None = None,
    *,
    weights: PathLike | None = None,
    device: str = "cpu",
    precision: str = "auto",
    engine: str = "auto",
    strict: bool = False,
) -> tuple[npt.NDArray[np.float32], int]:
    """Return the audio of an .ecdc file, float32 `[channels, samples]`, and its sample rate in Hz.

    Of a part, given in seconds, only what it needs is decoded. What a damaged file has lost is silence, with
    `strict` a DataError.
    """
    job = DecodeJob(
        source=str(path),
        target="",
        weights=None if weights is None else Path(weights),
        device=device,
        precision=precision,
        engine=engine,
        strict=strict,
        start_s=start,
        duration_s=duration,
    )
    return decode_part(job)


def open(path: PathLike) -> CodedFile:
    """Open an .ecdc file to look into: its facts, codes and tags. No model and no PyTorch is needed.

    Raises FileError (an OSError) when it cannot be read, and DataError when it is no .ecdc file.
    """
    return CodedFile(path)


class CodedFile:
    """An .ecdc file that was read to its end once; a context manager.

    Attributes:
        info: what it says about itself, and whether it is whole (`codectool.container.Summary`).
        tags: its tags.
    """

    def __init__(self, path: PathLike) -> None:
        self._path = Path(path)
        with open_input(self._path) as stream:
            self.info: Summary = scan(stream)
        self.tags: dict[str, str] = dict(self.info.tags)

    def codes(self) -> npt.NDArray[np.int16]:
        """Return all codes, int16 `[levels, frames]`, or `[streams, levels, frames]` of channels coded apart.

        Raises DataError when any is damaged.
        """
        with open_input(self._path) as stream:
            codes = codes_of(open_reader(stream))
        return codes[0] if len(codes) == 1 else codes

    def __enter__(self) -> CodedFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open between calls."""

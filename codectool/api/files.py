"""Files: encode and decode them, read a part of one, and look into one without a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

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
    """Encode a recording to an .ecdc file: the same file that `codec encode` writes.

    Memory does not grow with the recording. A call that fails leaves no file behind.

    Args:
        source: an audio file, in any format that libsndfile reads.
        target: the .ecdc file to write.
        bitrate, levels: the most bits a second to spend, or how many levels; None for the model's usual.
        model: a name that `codec models` lists.
        weights, device, precision, engine: as for `load`.
        overwrite: whether a target that exists is replaced; otherwise it is an error.
        keep_channels: whether each channel is coded by itself, and not mixed to the model's.
        tags: tags to write beside the recording's own; an empty text leaves one out.

    Returns:
        The duration in seconds, levels, bit rates, bytes written, and notes and warnings as texts.

    Raises:
        FileError (an OSError): a file cannot be read or written.
        DataError: the source holds no audio, or is damaged.
        UsageError (a ValueError): the arguments ask for what cannot be.
        WeightsError: the weights are missing, damaged or another model's.
    """
    return encode(
        EncodeJob(
            source=str(source),
            target=str(target),
            levels=levels,
            rate_bps=bitrate,
            model=model,
            **_how(weights, device, precision, engine),
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
    """Decode an .ecdc file to a recording with the sample rate and the exact length of the original.

    The suffix of the target says its format. A damaged file is decoded as far as it goes: silence stands for
    what was lost, and `damage` of the result lists it. A call that fails leaves no file behind.

    Args:
        source: the .ecdc file.
        target: the audio file to write.
        weights, device, precision, engine: as for `load`.
        overwrite: whether a target that exists is replaced; otherwise it is an error.
        subtype: how samples are stored, by libsndfile's names, such as `PCM_24`; None for the format's usual.
        strict: whether damage is a DataError; then nothing is written.
        start, duration: the part to decode, in seconds; a duration of None means to the end.

    Returns:
        The duration in seconds, the sample rate in Hz, and damage, notes and warnings as texts.

    Raises:
        FileError (an OSError): a file cannot be read or written.
        DataError: the source is no .ecdc file, or is damaged and `strict` was asked for.
        UsageError (a ValueError): the arguments ask for what cannot be.
        WeightsError: the weights are missing, or are not those that the file was made with.
    """
    return decode(
        DecodeJob(
            source=str(source),
            target=str(target),
            **_how(weights, device, precision, engine),
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

    Only the part that was asked for is decoded. Silence stands for what a damaged file has lost.

    Args:
        path: the .ecdc file.
        start, duration: the part to read, in seconds; a duration of None means to the end.
        weights, device, precision, engine: as for `load`.
        strict: whether damage is a DataError.

    Raises:
        The errors of `decode_file`.
    """
    job = DecodeJob(
        source=str(path),
        target="",
        **_how(weights, device, precision, engine),
        strict=strict,
        start_s=start,
        duration_s=duration,
    )
    return decode_part(job)


def _how(weights: PathLike | None, device: str, precision: str, engine: str) -> dict[str, Any]:
    """Return what a job says of how its model is run."""
    path = None if weights is None else Path(weights)
    return {"weights": path, "device": device, "precision": precision, "engine": engine}


def open(path: PathLike) -> CodedFile:
    """Open an .ecdc file and return its facts, codes and tags; this needs no model and no PyTorch.

    Raises FileError (an OSError) when it cannot be read, and DataError when it is no .ecdc file.
    """
    return CodedFile(path)


class CodedFile:
    """An .ecdc file that was read to its end once; it may be used as a context manager.

    Attributes:
        info: what the file says about itself, and whether it is whole (`codectool.container.Summary`).
        tags: the tags by name.
    """

    def __init__(self, path: PathLike) -> None:
        self._path = Path(path)
        with open_input(self._path) as stream:
            self.info: Summary = scan(stream)
        self.tags: dict[str, str] = dict(self.info.tags)

    def codes(self) -> npt.NDArray[np.int16]:
        """Return all codes, int16 `[levels, frames]`.

        Of channels that were coded apart they are `[streams, levels, frames]`. Raises DataError when any code
        is damaged.
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

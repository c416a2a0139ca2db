"""Codes as .npy, and with all that an .ecdc file needs as .npz, and back."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codectool.container import (
    AnyHeader,
    AnyReader,
    Header,
    HeaderV0,
    Writer,
    WriterV0,
    codes_and_scales_of,
    open_reader,
)
from codectool.container.fit import misfit
from codectool.errors import DataError, UsageError
from codectool.files.inputs import open_input, refuse_same
from codectool.files.outputs import open_output


@dataclass(frozen=True)
class TokensJob:
    """Codes to take out of an .ecdc file into .npy or .npz, or to put from .npz into an .ecdc file."""

    source: str
    target: str
    overwrite: bool = False


def tokens(job: TokensJob) -> tuple[int, ...]:
    """Take codes out, or put them back where the source is .npz; return the shape of the codes.

    `.npy` holds them as int16 `[levels, frames]` (`[streams, levels, frames]` for several coded channels);
    `.npz` holds besides them all that is needed to write the file again, in its version. Memory grows with
    the file.
    """
    refuse_same(job.source, job.target)
    if PurePath(job.source).suffix == ".npz":
        return _put_back(job)
    suffix = PurePath(job.target).suffix
    if suffix not in (".npy", ".npz"):
        raise UsageError(f"{job.target}: tokens go to .npy or .npz, and come from .npz")
    with open_input(job.source) as stream:
        reader = open_reader(stream)
        codes, scales = codes_and_scales_of(reader)
    shown = codes[0] if codes.shape[0] == 1 else codes
    with open_output(job.target, overwrite=job.overwrite) as output:
        if suffix == ".npy":
            np.save(output, shown)
        else:
            arrays = _named_arrays(shown, scales, reader)
            np.savez(output, **arrays)  # type: ignore[arg-type]  # names are fields
    return shown.shape


# What numpy and zipfile raise for archives that are damaged, or that somebody else wrote.
NOT_TOKENS = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    EOFError,
    MemoryError,
    OSError,
    RuntimeError,
    UsageError,  # of a header that cannot be
    zipfile.BadZipFile,
    zlib.error,
)
FIELDS = (  # of the header, as they are named in .npz
    "model",
    "model_rate_hz",
    "hop_samples",
    "bits_per_code",
    "original_rate_hz",
    "original_channels",
    "frames_per_packet",
)


def _named_arrays(
    codes: npt.NDArray[np.int16], scales: list[float], reader: AnyReader
) -> dict[str, npt.NDArray[np.generic]]:
    header = reader.header
    arrays: dict[str, npt.NDArray[np.generic]] = {name: np.array(getattr(header, name)) for name in FIELDS}
    if header.fingerprint is not None:  # otherwise it is version 0
        arrays["fingerprint"] = np.array(header.fingerprint.hex())
    arrays["total_samples"] = np.array(reader.total_samples)
    arrays["frame_rate_hz"] = np.array(header.model_rate_hz / header.hop_samples)  # for people; derived
    if reader.tags:
        arrays["tags"] = np.array([[name, text] for name, text in sorted(reader.tags.items())])
    if header.scaled:
        arrays["scales"] = np.array(scales, np.float32)
    return arrays | {"codes": codes}


@dataclass(frozen=True)
class _Stored:
    """What an .npz holds: a file's header, and its codes in pieces, with the scale that a segment has."""

    header: AnyHeader
    pieces: list[tuple[npt.NDArray[np.int64], float | None]]
    total_samples: int
    tags: dict[str, str]


def _put_back(job: TokensJob) -> tuple[int, ...]:
    if PurePath(job.target).suffix in (".npy", ".npz"):
        raise UsageError(f"{job.target}: tokens of .npz go to an .ecdc file; name one")
    with open_input(job.source) as stream:
        try:
            with np.load(stream, allow_pickle=False) as file:
                arrays = dict(file)
                codes = _codes_from(arrays)
                stored = _stored(arrays, codes)
        except NOT_TOKENS as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(f"does not hold tokens as `codec tokens` writes them ({reason})") from error
    if problem := misfit(stored.header):
        raise DataError(f"{job.source}: {problem}")
    with open_output(job.target, overwrite=job.overwrite) as output:
        try:
            _write_stored(stored, output)
        except UsageError as error:
            raise DataError(f"{job.source}: holds tokens that cannot be written ({error})") from error
    return codes.shape


def _write_stored(stored: _Stored, output: BinaryIO) -> None:
    writer: Writer | WriterV0
    if isinstance(stored.header, HeaderV0):
        writer = WriterV0(output, stored.header.model, stored.header.levels)
    else:
        writer = Writer(output, stored.header)
    for piece, scale in stored.pieces:
        writer.write_codes(piece, scale)
    writer.finish(stored.total_samples, stored.tags)


def _codes_from(arrays: dict[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.int64]:
    found = arrays["codes"]
    if found.dtype.kind not in "iu" or found.ndim not in (2, 3):
        raise ValueError(f"codes of type {found.dtype} and shape {found.shape}")
    return found.astype(np.int64)[None] if found.ndim == 2 else found.astype(np.int64)


def _stored(arrays: dict[str, npt.NDArray[np.generic]], codes: npt.NDArray[np.int64]) -> _Stored:
    fields = {name: arrays[name].item() for name in (*FIELDS, "total_samples")}
    for name, value in fields.items():
        if type(value) is not (str if name == "model" else int):
            raise ValueError(f"{name} is {value!r}")
    total_samples = fields.pop("total_samples")
    scaled = "scales" in arrays
    frames = codes.shape[2]
    header: AnyHeader
    if "fingerprint" in arrays:
        fingerprint = bytes.fromhex(str(arrays["fingerprint"]))
        header = Header(
            **fields, fingerprint=fingerprint, levels=codes.shape[1], streams=len(codes), scaled=scaled
        )
        starts = list(range(0, frames, header.frames_per_packet))
    else:
        header = HeaderV0(fields["model"], total_samples, codes.shape[1])
        if total_samples > frames * header.hop_samples:
            raise ValueError(f"{frames} frames for {total_samples} samples")
        starts = np.cumsum([0, *header.segments()])[:-1].tolist()
    pieces: list[tuple[npt.NDArray[np.int64], float | None]] = [(codes, None)]
    if scaled:
        if arrays["scales"].ndim != 1:
            raise ValueError(f"scales of shape {arrays['scales'].shape}")
        parts = np.split(codes, starts, axis=2)[1:]  # the first is what stands before the first segment
        pieces = list(zip(parts, arrays["scales"].astype(float).tolist(), strict=True))
    tags = {str(name): str(text) for name, text in arrays.get("tags", np.empty((0, 2), str))}
    return _Stored(header, pieces, total_samples, tags)

"""The codes of an .ecdc file as .npy, or with everything to write the file again as .npz, and back."""

from __future__ import annotations

import errno
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, cast

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
from codectool.container.fit import decoded_samples, misfit
from codectool.errors import DataError, FileError, UsageError, WeightsError
from codectool.files.inputs import open_input, refuse_same
from codectool.files.outputs import open_output
from codectool.models.registry import ModelEntry, find, is_known
from codectool.models.search import find_weights
from codectool.models.weights import weights_fingerprint


@dataclass(frozen=True)
class TokensJob:
    """The codes of an .ecdc file to take out into .npy or .npz, or to put back.

    Attributes:
        source, target: the files; a source of `-` is stdin, told by its content, and a target of `-` is
            stdout.
        model, weights: whose codes they are, where the source does not say.
        rate_hz: the recording's sample rate, where the source does not say; None for the model's.
        samples: the recording's length, where the source does not say; None for all that the codes make.
    """

    source: str
    target: str
    overwrite: bool = False
    model: str | None = None
    weights: Path | None = None
    rate_hz: int | None = None
    samples: int | None = None


def tokens(job: TokensJob) -> tuple[int, ...]:
    """Take codes out of an .ecdc file, or put them back from numpy's files; return the shape of the codes.

    A .npy file holds int16 `[levels, frames]`, or `[streams, levels, frames]` of channels coded apart. A .npz
    file also holds all that is needed to write the .ecdc file again, in its version. Codes without that need
    a `model`. Memory grows with the file.
    """
    refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        if PurePath(job.source).suffix in NUMPY_SUFFIXES or _is_numpy(job, stream):
            return _put_back(job, stream)
        suffix = ".npz" if job.target == "-" else PurePath(job.target).suffix
        if suffix not in NUMPY_SUFFIXES:
            raise UsageError(f"{job.target}: tokens go to .npy or .npz, and come from there")
        reader = open_reader(stream)
        codes, scales = codes_and_scales_of(reader)
    shown = codes[0] if codes.shape[0] == 1 else codes
    stored = io.BytesIO()  # a pipe cannot be sought in, as numpy does
    if suffix == ".npy":
        np.save(stored, shown)
    else:
        arrays = _named_arrays(shown, scales, reader)
        np.savez(stored, **arrays)  # type: ignore[arg-type]  # names are fields
    with open_output(job.target, overwrite=job.overwrite) as output:
        output.write(stored.getbuffer())
    return shown.shape


def _is_numpy(job: TokensJob, stream: BinaryIO) -> bool:
    """Whether standard input holds what numpy wrote, by its first byte: that of a zip archive, or its own."""
    return job.source == "-" and cast(io.BufferedReader, stream).peek(1)[:1] in (b"P", b"\x93")


NUMPY_SUFFIXES = (".npy", ".npz")
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
    named = find(header.model).codebook_names if is_known(header.model) else {}
    if named:  # for people, too
        arrays["codebook_names"] = np.array([[str(number), name] for number, name in named.items()])
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


def _put_back(job: TokensJob, stream: BinaryIO) -> tuple[int, ...]:
    if PurePath(job.target).suffix in NUMPY_SUFFIXES:
        raise UsageError(f"{job.target}: tokens of .npz go to an .ecdc file; name one")
    try:
        loaded = np.load(stream if stream.seekable() else io.BytesIO(stream.read()), allow_pickle=False)
        arrays = {"codes": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
        codes = _codes_from(arrays)
        if job.model is not None:
            arrays = _facts_of_model(job, find(job.model), codes) | arrays
        stored = _stored(arrays, codes)
    except (FileError, WeightsError):
        raise
    except NOT_TOKENS as error:
        if (failure := _disk_failure(error)) is not None:
            raise failure from error
        reason = str(error)
        if isinstance(error, KeyError):
            reason = f"{error} is missing: name the model they are of"
        raise DataError(f"does not hold tokens as `codec tokens` writes them ({reason})") from error
    if problem := misfit(stored.header):
        raise DataError(f"{job.source}: {problem}")
    with open_output(job.target, overwrite=job.overwrite) as output:
        try:
            _write_stored(stored, output)
        except UsageError as error:
            raise DataError(f"{job.source}: holds tokens that cannot be written ({error})") from error
    return codes.shape


def _facts_of_model(
    job: TokensJob, entry: ModelEntry, codes: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.generic]]:
    """Return what a file says besides its codes, as an encoder of that model would have written it."""
    rate_hz = entry.sample_rate_hz if job.rate_hz is None else job.rate_hz
    samples = decoded_samples(entry, codes.shape[2]) * rate_hz // entry.sample_rate_hz
    facts: dict[str, object] = {
        "model": entry.name,
        "fingerprint": weights_fingerprint(find_weights(entry, job.weights)).hex(),
        "model_rate_hz": entry.sample_rate_hz,
        "hop_samples": entry.hop_samples,
        "bits_per_code": entry.code_bits,
        "original_rate_hz": rate_hz,
        "original_channels": entry.channels * len(codes),
        "frames_per_packet": entry.packet_frames(),
        "total_samples": max(0, samples) if job.samples is None else job.samples,
    }
    return {name: np.array(value) for name, value in facts.items()}


def _disk_failure(error: BaseException | None) -> OSError | None:
    """Return the failure of a device behind an error, None where the archive is at fault.

    zipfile calls either a bad archive. A damaged one makes it seek before the first byte, which is EINVAL.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            return error
        error = error.__context__
    return None


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

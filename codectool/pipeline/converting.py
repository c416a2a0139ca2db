"""Version 0 files to version 1: the same codes, with checksums, and without a need for the language model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codectool.container import Header, HeaderV0, ReaderV0, Writer, copy, open_reader
from codectool.errors import UsageError
from codectool.files.inputs import open_input, refuse_same
from codectool.files.outputs import open_output
from codectool.models.search import find_weights
from codectool.models.weights import weights_fingerprint
from codectool.pipeline.v0_language_model import language_model_of


@dataclass(frozen=True)
class ConvertJob:
    """Which version 0 file to make a version 1 file of; `language_model` is for entropy-coded ones."""

    source: str
    target: str
    weights: Path | None = None
    language_model: Path | None = None
    language_model_threads: int = 1
    overwrite: bool = False


def convert(job: ConvertJob) -> int:
    """Write a version 1 file with the codes of a version 0 file; return its bytes.

    Raises UsageError for another version, WeightsError when the weights are not there that version 1 names,
    DataError, with nothing written, when the file is damaged.
    """
    refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        reader = open_reader(stream, language_model_of(job))
        if not isinstance(reader, ReaderV0):
            raise UsageError(f"{job.source}: is a version 1 file already")
        weights = find_weights(reader.header.entry, job.weights)
        with open_output(job.target, overwrite=job.overwrite) as output:
            writer = Writer(output, _header_of(reader.header, weights_fingerprint(weights)))
            copy(reader, writer)
            return writer.bytes_written


def _header_of(header: HeaderV0, fingerprint: bytes) -> Header:
    return Header(
        model=header.model,
        fingerprint=fingerprint,
        model_rate_hz=header.model_rate_hz,
        hop_samples=header.hop_samples,
        bits_per_code=header.bits_per_code,
        levels=header.levels,
        streams=header.streams,
        original_rate_hz=header.original_rate_hz,
        original_channels=header.original_channels,
        frames_per_packet=header.entry.packet_frames(),
        scaled=header.scaled,
    )

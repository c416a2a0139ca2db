"""Shards back to sound: each recording at its own rate, as long as it was."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from codectool.audio.sink import open_sink
from codectool.audio.source import open_source
from codectool.container import Header, Reader, Writer
from codectool.container.fit import heard_channels
from codectool.errors import CodecError, DataError, UsageError, WeightsError
from codectool.models.loaded import LoadedModel
from codectool.models.loading import RunsModel, load
from codectool.models.registry import find
from codectool.pipeline.decode_loop import decode_blocks
from codectool.tokens.reading import open_shards
from codectool.tokens.records import Description, Record
from codectool.tokens.tar_formats import member_name


@dataclass(frozen=True)
class DecodeTokensJob(RunsModel):
    """A shard, or a folder of shards, and the folder of audio files to make of it, with their suffix."""

    half: ClassVar[str | None] = "decoder"
    source: str
    target: str
    suffix: str = ".wav"
    subtype: str | None = None
    overwrite: bool = False


@dataclass
class DecodedTokens:
    """The outcome: `errors` has a line for each recording that could not be decoded."""

    items: int = 0
    duration_s: float = 0.0
    errors: list[str] = field(default_factory=list)


def decode_tokens(job: DecodeTokensJob, progress: Callable[[float], None] | None = None) -> DecodedTokens:
    """Write an audio file for each recording of a data set, at the rate and of exactly the length it had.

    A file that exists is left, unless it is to be overwritten. Raises WeightsError when the weights are not
    those that made the codes, and DataError for a damaged shard. A failure of one recording is in the result.
    """
    result = DecodedTokens()
    described: Description | None = None
    for shard in open_shards(job.source):
        if shard.description != described:
            described = shard.description
            model = _model_of(shard.description, job, shard.path)
        for record in shard.records:
            target = Path(job.target) / f"{member_name(record.key)}{job.suffix}"
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if job.overwrite or not _is_there(target, record):
                    _decode(record, shard.description, model, target, job)
            except (CodecError, OSError) as error:
                result.errors.append(f"{record.key}: {error}")
                continue
            result.items += 1
            result.duration_s += record.duration_s
            if progress is not None:
                progress(result.duration_s)
    return result


def _is_there(target: Path, record: Record) -> bool:
    """Whether an output is there from a run before, with the rate and length of the recording."""
    if not target.is_file():
        return False
    try:
        with open_source(target) as found:
            return (found.rate_hz, found.length_samples) == (record.sample_rate_hz, record.samples)
    except CodecError:
        return False


def _decode(
    record: Record, description: Description, model: LoadedModel, target: Path, job: DecodeTokensJob
) -> None:
    reader = _reader(record, description)
    sink = open_sink(
        target,
        rate_hz=record.sample_rate_hz,
        channels=heard_channels(reader.header, model.entry),
        subtype=job.subtype,
        overwrite=job.overwrite,
    )
    with sink:
        for block in decode_blocks(reader, model):
            sink.write(block)


def _reader(record: Record, description: Description) -> Reader:
    """Return a reader of the .ecdc file that holds the codes of a record."""
    codes = record.codes
    assert codes is not None
    header = Header(
        model=description.model,
        fingerprint=bytes.fromhex(description.fingerprint),
        model_rate_hz=description.model_rate_hz,
        hop_samples=description.hop_samples,
        bits_per_code=(max(description.codebook_sizes) - 1).bit_length(),
        levels=len(codes),
        streams=1,
        original_rate_hz=record.sample_rate_hz,
        original_channels=record.channels,
        frames_per_packet=find(description.model).packet_frames(),
        scaled=record.scales is not None,
    )
    file = io.BytesIO()
    try:
        writer = Writer(file, header)
        if record.scales is None:
            writer.write_codes(codes[None])
        else:
            starts = range(0, codes.shape[1], header.frames_per_packet)
            for start, scale in zip(starts, record.scales, strict=True):
                writer.write_codes(codes[None, :, start : start + header.frames_per_packet], scale)
        writer.finish(record.samples)
    except (UsageError, ValueError) as error:
        raise DataError(
            f"{record.key}: its codes, length and scales do not belong together ({error})"
        ) from error
    file.seek(0)
    return Reader(file)


def _model_of(description: Description, job: DecodeTokensJob, path: Path) -> LoadedModel:
    model = load(description.model, *job.how)
    if not model.decodes(bytes.fromhex(description.fingerprint), description.levels):
        raise WeightsError(
            f"{path}: made with weights {description.fingerprint} of {description.model}, "
            f"but {model.weights_path} is {model.fingerprint.hex()}: give the right ones"
        )
    entry = model.entry
    if (description.model_rate_hz, description.hop_samples) != (entry.sample_rate_hz, entry.hop_samples):
        raise DataError(f"{path}: its description does not fit the model {entry.name}")
    return model

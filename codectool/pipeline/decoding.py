"""A file of codes back to audio, whole or a part of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from codectool.audio.pcm import Block
from codectool.audio.sink import AudioSink, open_sink
from codectool.container import (
    AnyHeader,
    AnyReader,
    Gap,
    Header,
    HeaderV0,
    Summary,
    open_reader,
    read_header,
    scan,
)
from codectool.container.fit import heard_channels, misfit
from codectool.errors import DataError, UsageError, WeightsError
from codectool.files.byte_reader import ByteReader
from codectool.files.inputs import open_input, refuse_same
from codectool.models.loaded import LoadedModel
from codectool.models.loading import RunsModel, load
from codectool.models.registry import is_known
from codectool.pipeline.common import Loader, Progress, chunk_s
from codectool.pipeline.decode_loop import Part, decode_blocks
from codectool.pipeline.v0_language_model import BOUND_TO_MACHINE, language_model_of


@dataclass(frozen=True)
class DecodeJob(RunsModel):
    """What to decode, into what, and how; `-` is stdin or stdout.

    Attributes:
        model: the model to decode with; None for the one that the file names.
        suffix: what a file of the format ends in, where the target does not say; None to go by the target.
        subtype: how samples are written, by libsndfile's names; None for the format's own.
        raw: the coding of headerless PCM to write instead of a format.
        strict: whether damage is an error, and nothing is written.
        header_from: a file that was encoded alike, whose header is used instead of the source's own.
        start_s, duration_s: ask for a part only; without a duration, for all from there on.
    """

    half: ClassVar[str | None] = "decoder"
    source: str
    target: str
    model: str | None = None
    overwrite: bool = False
    suffix: str | None = None
    subtype: str | None = None
    raw: str | None = None
    strict: bool = False
    start_s: float = 0.0
    duration_s: float | None = None
    header_from: Path | None = None
    language_model: Path | None = None
    language_model_threads: int = 1

    def __post_init__(self) -> None:
        if not all(0 <= seconds < math.inf for seconds in (self.start_s, self.duration_s or 0.0)):
            raise UsageError("start and duration are seconds from 0 on")


@dataclass
class DecodeResult:
    """What came of a decode; `damage` says what was lost, a line for each place.

    `notes` tell what happens by design, `warnings` what takes something from the sound or its tags.
    """

    duration_s: float
    rate_hz: int
    elapsed_s: float
    clipped_samples: int
    damage: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def decode(job: DecodeJob, progress: Progress | None = None, loader: Loader = load) -> DecodeResult:
    """Decode one file, writing what can be saved of a damaged one; the result lists the damage.

    Raises DataError for damage with `strict`, WeightsError when the weights are not the file's, UsageError
    for a part that is not in the file. `loader` is as for `encode`.
    """
    started_s = time.perf_counter()
    refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        decoding = Decoding(job, stream, loader)
        rate_hz = decoding.header.original_rate_hz
        sink = open_sink(
            job.target,
            rate_hz=rate_hz,
            channels=decoding.channels,
            suffix=job.suffix,
            subtype=job.subtype,
            raw=job.raw,
            overwrite=job.overwrite,
            tags=decoding.tags,
        )
        with sink:
            for block in decoding.blocks():
                sink.write(block)
                if progress is not None:
                    progress(sink.written_samples / rate_hz)
            warnings = _add_late_tags(decoding, sink, job.target)
    if sink.clipped_samples:
        warnings.append(f"{job.target}: {sink.clipped_samples} samples clipped")
    return DecodeResult(
        duration_s=sink.written_samples / rate_hz,
        rate_hz=rate_hz,
        elapsed_s=time.perf_counter() - started_s,
        clipped_samples=sink.clipped_samples,
        damage=_damage(decoding.reader),
        notes=decoding.notes(),
        warnings=warnings,
    )


def decode_part(job: DecodeJob, loader: Loader = load) -> tuple[Block, int]:
    """Return the part that a job asks for in memory, `[channels, samples]`, and its sample rate in Hz.

    Its target is not looked at; the errors are those of `decode`.
    """
    with open_input(job.source) as stream:
        decoding = Decoding(job, stream, loader)
        none = np.zeros((decoding.channels, 0), np.float32)
        return np.concatenate([none, *decoding.blocks()], axis=1), decoding.header.original_rate_hz


class Decoding:
    """An opened file on its way to sound: what it says, which part is asked for, and the model for it.

    Raises what `decode` raises before anything is written.
    """

    def __init__(self, job: DecodeJob, stream: BinaryIO, loader: Loader) -> None:
        given = None if job.header_from is None else _header_of(job.header_from)
        self._job = job
        summary = _look_ahead(stream, given)
        if given is not None and summary is not None and not summary.packets:
            raise DataError(f"no packet fits the header of {job.header_from}: take a file encoded alike")
        self.tags = None if summary is None else summary.tags  # of a pipe they come last
        self.reader = open_reader(stream, language_model_of(job), given)
        self.header = header = self.reader.header
        self.part = _part(job, header, summary)
        if job.strict and summary is not None and summary.gaps:
            _refuse(summary.gaps[0], header)
        self.model = _right_model(header, job, loader)
        self.channels = heard_channels(header, self.model.entry)
        self._is_bound = isinstance(header, HeaderV0) and header.language_model

    def blocks(self) -> Iterator[Block]:
        """Yield the part, `[channels, samples]` at the original rate; DataError at damage if it is strict."""
        # A language model needs torch's threads its way, so nothing may go on beside it.
        gathered_s = 0.0 if self._is_bound else chunk_s(self._job.source)
        for block in decode_blocks(self.reader, self.model, self.part, gathered_s):
            if self._job.strict and self.reader.gaps:  # of a pipe, which could not be looked at before
                _refuse(self.reader.gaps[0], self.header)
            yield block
        _refuse_late_start(self.part, self.reader.total_samples, self._job, self.header)  # of a pipe

    def notes(self) -> list[str]:
        """Return what is to be known of this decode, and is by design."""
        source = self._job.source
        notes = [f"{source}: {BOUND_TO_MACHINE}"] if self._is_bound else []
        if self.part.first_sample and self.model.decoder.receptive_field_frames is None:
            notes.append(f"{source}: decoded from its start: {self.header.model} remembers all before a part")
        return notes


def _add_late_tags(decoding: Decoding, sink: AudioSink, target: str) -> list[str]:
    """Write the tags of a pipe, which came last; return warnings of tags that the output cannot have."""
    reader = decoding.reader
    if decoding.tags is None and reader.tags and not sink.add_tags(reader.tags):
        return [f"{target}: has no tags: a pipe's come last, too late for this format"]
    if sink.dropped_tags:
        names = ", ".join(sink.dropped_tags)
        return [f"{target}: its format has no room for the tags {names}: they are dropped"]
    return []


def _header_of(path: Path) -> Header:
    """Return the header of another version 1 file."""
    with open_input(path) as stream:
        return read_header(ByteReader(stream))


def _look_ahead(stream: BinaryIO, header: Header | None) -> Summary | None:
    """Read a file to its end first, which takes no time beside decoding: tags and damage are then known."""
    if not stream.seekable():
        return None
    origin = stream.tell()
    summary = scan(stream, header)
    stream.seek(origin)
    return summary


def _part(job: DecodeJob, header: AnyHeader, summary: Summary | None) -> Part:
    rate_hz = header.original_rate_hz
    first_sample = round(job.start_s * rate_hz)
    end_sample = None if job.duration_s is None else first_sample + round(job.duration_s * rate_hz)
    part = Part(first_sample, end_sample)
    _refuse_late_start(part, None if summary is None else summary.total_samples, job, header)
    return part


def _refuse_late_start(part: Part, total_samples: int | None, job: DecodeJob, header: AnyHeader) -> None:
    """Raise UsageError for a part that begins behind the end, if that is known."""
    if total_samples is not None and part.first_sample > total_samples:
        source = "stdin" if job.source == "-" else job.source
        end_s = total_samples / header.original_rate_hz
        raise UsageError(f"start {job.start_s:g} s: {source} ends at {end_s:g} s")


def _right_model(header: AnyHeader, job: DecodeJob, loader: Loader) -> LoadedModel:
    if job.model is None and not is_known(header.model):
        raise WeightsError(
            f"{job.source}: made with the model {header.model!r}, which this version does not know"
        )
    model = loader(job.model or header.model, *job.how)
    model.decoder.prepare(header.levels)
    if header.fingerprint is not None and not model.decodes(header.fingerprint, header.levels):
        raise WeightsError(
            f"{job.source}: made with weights {header.fingerprint.hex()} of {header.model}, "
            f"but {model.weights_path} is {model.fingerprint.hex()}: give the right ones"
        )
    if problem := misfit(header, model.entry):
        raise DataError(problem)
    return model


def _refuse(gap: Gap, header: AnyHeader) -> None:
    raise DataError(f"is damaged: {_describe(gap, header)}; unless strict, what is good is decoded")


def _damage(reader: AnyReader) -> list[str]:
    """Return a line for each place, and one that counts those that are not listed."""
    lines = [_describe(gap, reader.header) for gap in reader.gaps]
    unlisted = reader.gap_count - len(reader.gaps)
    return lines + ([f"damaged in {unlisted} more places"] if unlisted else [])


def _describe(gap: Gap, header: AnyHeader) -> str:
    frame_s = header.hop_samples / header.model_rate_hz
    if gap.frames == 0:
        return f"at {gap.first_frame * frame_s:.3f} s, no audio lost: {gap.reason}"
    end = "the end" if gap.frames is None else f"{(gap.first_frame + gap.frames) * frame_s:.3f} s"
    return f"lost from {gap.first_frame * frame_s:.3f} s to {end}: {gap.reason}"

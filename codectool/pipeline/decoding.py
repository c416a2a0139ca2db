"""A file of codes back to audio, whole or a part of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import BinaryIO

from codectool.audio.sink import open_sink
from codectool.container import Gap, Header, Reader, Summary, scan
from codectool.container.file import open_input
from codectool.errors import DataError, UsageError, WeightsError
from codectool.jobs import DecodeJob
from codectool.models.loading import LoadedModel, load
from codectool.models.registry import MODELS
from codectool.pipeline.common import Loader, Progress, refuse_same
from codectool.pipeline.playing import Part, decode_blocks


@dataclass
class DecodeResult:
    """What came of a decode; `damage` says what was lost, a line for each place."""

    duration_s: float
    rate_hz: int
    elapsed_s: float
    clipped_samples: int
    damage: list[str] = field(default_factory=list)


def decode(job: DecodeJob, progress: Progress | None = None, loader: Loader = load) -> DecodeResult:
    """Decode one file, writing what can be saved of a damaged one; the result lists the damage.

    Raises DataError for damage with `strict`, WeightsError when the weights are not the file's, UsageError
    for a part that is not in the file. `loader` is as for `encode`.
    """
    started_s = time.perf_counter()
    refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        summary = _look_ahead(stream)
        reader = Reader(stream)
        header = reader.header
        part = _part(job, header, summary)
        if job.strict and summary is not None and summary.gaps:
            _refuse(summary.gaps[0], header)
        model = _right_model(header, job, loader)
        sink = open_sink(
            job.target,
            rate_hz=header.original_rate_hz,
            channels=header.streams,
            subtype=job.subtype,
            raw=job.raw,
            overwrite=job.overwrite,
            tags=summary.tags if summary is not None else None,
        )
        with sink:
            for block in decode_blocks(reader, model, part):
                if job.strict and reader.gaps:  # of a pipe, which could not be looked at before
                    _refuse(reader.gaps[0], header)
                sink.write(block)
                if progress is not None:
                    progress(sink.written_samples / header.original_rate_hz)
    return DecodeResult(
        duration_s=sink.written_samples / header.original_rate_hz,
        rate_hz=header.original_rate_hz,
        elapsed_s=time.perf_counter() - started_s,
        clipped_samples=sink.clipped_samples,
        damage=[_describe(gap, header) for gap in reader.gaps],
    )


def _look_ahead(stream: BinaryIO) -> Summary | None:
    """Read a file to its end first, which takes no time beside decoding: tags and damage are then known."""
    if not stream.seekable():
        return None
    origin = stream.tell()
    summary = scan(stream)
    stream.seek(origin)
    return summary


def _part(job: DecodeJob, header: Header, summary: Summary | None) -> Part:
    rate_hz = header.original_rate_hz
    if job.start_s < 0 or (job.duration_s is not None and job.duration_s < 0):
        raise UsageError("--start and --duration are seconds from 0 on")
    first_sample = round(job.start_s * rate_hz)
    total_samples = summary.total_samples if summary is not None else None
    if total_samples is not None and first_sample > total_samples:
        raise UsageError(f"--start {job.start_s:g}: {job.source} ends at {total_samples / rate_hz:g} s")
    end_sample = None if job.duration_s is None else first_sample + round(job.duration_s * rate_hz)
    return Part(first_sample, end_sample)


def _right_model(header: Header, job: DecodeJob, loader: Loader) -> LoadedModel:
    if header.model not in MODELS and job.model is None:
        raise WeightsError(
            f"{job.source}: made with the model {header.model!r}, which this version does not know"
        )
    model = loader(job.model or header.model, job.weights, job.device)
    if model.fingerprint != header.fingerprint:
        raise WeightsError(
            f"{job.source}: made with weights {header.fingerprint.hex()} of {header.model}, "
            f"but {model.weights_path} is {model.fingerprint.hex()}: give the right ones with --weights FILE"
        )
    entry = model.entry
    stated = (header.model_rate_hz, header.hop_samples, header.bits_per_code)
    if stated != (entry.sample_rate_hz, entry.hop_samples, entry.code_bits) or header.levels > entry.levels:
        raise DataError(f"its header does not fit the model {entry.name}")
    return model


def _refuse(gap: Gap, header: Header) -> None:
    raise DataError(f"is damaged: {_describe(gap, header)}; without --strict, what is good is decoded")


def _describe(gap: Gap, header: Header) -> str:
    frame_s = header.hop_samples / header.model_rate_hz
    if gap.frames == 0:
        return f"at {gap.first_frame * frame_s:.3f} s, no audio lost: {gap.reason}"
    end = "the end" if gap.frames is None else f"{(gap.first_frame + gap.frames) * frame_s:.3f} s"
    return f"lost from {gap.first_frame * frame_s:.3f} s to {end}: {gap.reason}"

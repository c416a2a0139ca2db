"""Whether an output is there already: the same command again finishes the rest, and does no file twice.

Outputs get their names only when they are complete, but copies are cut short, and recordings are replaced: an
output is trusted if it is whole, is what the job would write, and states the length that its input has.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import fields
from functools import cached_property
from pathlib import Path

from codectool.audio.formats import format_and_subtype, written_rate_hz
from codectool.audio.pcm import raw_coding
from codectool.audio.resample import resampled_length
from codectool.audio.source import AudioSource, open_source
from codectool.batch.planning import BatchJob, Item, job_of
from codectool.batch.report import Outcome, Status
from codectool.container import AnyHeader, HeaderV0, Summary, scan
from codectool.container.fit import heard_channels
from codectool.errors import CodecError, DataError, FileError, message_of
from codectool.files.inputs import open_input
from codectool.files.outputs import part_path
from codectool.models.registry import find
from codectool.models.search import find_weights
from codectool.models.weights import weights_fingerprint
from codectool.pipeline import DecodeJob, EncodeJob
from codectool.pipeline.planning import plan_encode


class Resumer:
    """Knows what has been done before."""

    def __init__(self, job: BatchJob) -> None:
        self._job = job

    def outcome_of(self, item: Item) -> Outcome | None:
        """Return what is known of a file without coding it, None if it is to be done."""
        if not os.path.lexists(item.target) or self._job.each.overwrite:
            return None
        if self._job.skip_existing:
            return Outcome(item.source, item.target, Status.SKIPPED)
        try:
            difference, damage = self._compared(item)
        except (CodecError, OSError) as error:
            said = message_of(error, item.target)
            return Outcome(item.source, item.target, Status.FAILED, error=said)
        if difference is None:
            status = Status.SKIPPED if damage is None else Status.DAMAGED
            return Outcome(item.source, item.target, status, error=damage)
        error_line = f"{item.target}: exists already, but {difference}; use `overwrite=True` to overwrite it"
        return Outcome(item.source, item.target, Status.FAILED, error=error_line)

    def remove_source(self, item: Item) -> None:
        """Remove an input whose output is whole, what the job writes, and as long; DataError if it is not."""
        difference, damage = self._compared(item)
        if difference is not None or damage is not None:
            raise DataError(f"{item.target}: {difference or damage}; {item.source} is kept")
        try:
            Path(item.source).unlink()
        except OSError as error:
            raise FileError(f"{item.source}: cannot be removed: {error.strerror or error}") from error

    def _compared(self, item: Item) -> tuple[str | None, str | None]:
        """Return what an existing output has that the job would not write, and what was not all there."""
        job = job_of(self._job, item)
        damage = None
        if isinstance(job, EncodeJob):
            difference = self._difference_of_coded(job)
        else:
            with open_input(job.source) as stream:
                coded = scan(stream)
            difference = _difference_of_audio(job, coded)
            if coded.gaps:
                damage = f"{job.source}: is damaged; {job.target} has what could be saved"
                if job.strict:
                    difference = difference or "holds what could be saved of a damaged file"
        if difference is None and Path(job.source).stat().st_mtime_ns > Path(job.target).stat().st_mtime_ns:
            difference = "is older than its input"
        return difference, damage

    def _difference_of_coded(self, job: EncodeJob) -> str | None:
        try:
            with open_input(job.target) as stream:
                summary = scan(stream)
        except DataError:
            return "is not an .ecdc file that can be read"
        found = summary.header
        if isinstance(found, HeaderV0) != (job.container == "v0"):
            return f"has version {found.version}, not {job.container.removeprefix('v')}"
        expected: AnyHeader
        with open_source(job.source, raw=job.raw) as source:
            plan = plan_encode(job, source.channels)
            if isinstance(found, HeaderV0):  # its length is compared below
                expected = plan.header_v0(found.total_samples, job.language_model is not None)
            else:
                expected = plan.header(self.fingerprint, source.rate_hz, source.channels)
            differences = (
                f"has {field.name.replace('_', ' ')} {_shown(was)}, not {_shown(would_be)}"
                for field in fields(expected)
                if (was := getattr(found, field.name)) != (would_be := getattr(expected, field.name))
            )
            return next(differences, None) or _difference_of_length(summary, source)

    @cached_property
    def fingerprint(self) -> bytes:
        """The fingerprint of the weights to encode with; WeightsError when there are none."""
        assert isinstance(self._job.each, EncodeJob)
        return weights_fingerprint(find_weights(find(self._job.each.model), self._job.each.weights))


def remove_source(job: EncodeJob | DecodeJob) -> None:
    """Remove the input of one job, as a run over many does."""
    Resumer(BatchJob(job)).remove_source(Item(job.source, job.target))


def remove_part(target: str) -> None:
    """Remove what a run that was killed left of an output."""
    with suppress(OSError):
        part_path(Path(os.path.realpath(target))).unlink()


def _difference_of_length(summary: Summary, source: AudioSource) -> str | None:
    """Return what is missing of an output, or says that it is of another recording."""
    if summary.complete is False:  # of entropy-coded version 0 it cannot be told
        return f"is not whole: {summary.gaps[0].reason}"
    header = summary.header

    def stated(samples: int) -> int:
        is_v0 = isinstance(header, HeaderV0)
        return resampled_length(samples, source.rate_hz, header.original_rate_hz) if is_v0 else samples

    if source.length_samples is not None and stated(source.length_samples) == summary.total_samples:
        return None
    samples = sum(block.shape[1] for block in source.blocks())  # what it claims need not be what is there
    if stated(samples) == summary.total_samples:
        return None
    return f"holds {summary.total_samples} samples, not {stated(samples)}"


def _difference_of_audio(job: DecodeJob, coded: Summary) -> str | None:
    if coded.total_samples is None:
        return "the end of the coded file is missing, so that its length is not known"
    rate_hz = coded.header.original_rate_hz
    first = round(job.start_s * rate_hz)
    end = coded.total_samples if job.duration_s is None else first + round(job.duration_s * rate_hz)
    channels = heard_channels(coded.header, find(coded.header.model))
    samples = min(end, coded.total_samples) - first
    if job.raw is not None:
        found_bytes = Path(job.target).stat().st_size
        expected_bytes = samples * channels * raw_coding(job.raw).sample_bytes
        return None if found_bytes == expected_bytes else f"holds {found_bytes} bytes, not {expected_bytes}"
    import soundfile

    try:
        with soundfile.SoundFile(job.target) as audio:
            found = audio.frames, audio.samplerate, audio.channels, audio.subtype
            is_wav = audio.format == "WAV"
        damage = _damage_of_wav(job.target) if is_wav else _damage_of_audio(job.target)
    except (soundfile.LibsndfileError, OSError):
        return "is not audio that can be read"
    if damage is not None:
        return damage
    subtype = format_and_subtype(job.target, job.subtype, job.suffix)[1]
    written_hz = written_rate_hz(subtype, rate_hz)
    expected = resampled_length(samples, rate_hz, written_hz), written_hz, channels, subtype
    shown = "{} samples at {} Hz in {} channels as {}"
    return None if found == expected else f"holds {shown.format(*found)}, not {shown.format(*expected)}"


def _damage_of_wav(name: str) -> str | None:
    """Return what is wrong with the size of a WAV that was written by `codec decode`."""
    with Path(name).open("rb") as file:
        riff_id, riff_bytes = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
    size_bytes = Path(name).stat().st_size
    is_as_long = riff_id != b"RIFF" or riff_bytes + 8 == size_bytes  # RF64 says it elsewhere
    return None if is_as_long else f"holds {size_bytes} bytes, not {riff_bytes + 8} as its header says"


def _damage_of_audio(name: str) -> str | None:
    """Return what decoding a compressed output tells: its header may promise more than is there."""
    with open_source(name) as source:
        claimed = source.length_samples
        try:
            samples = sum(block.shape[1] for block in source.blocks())
        except DataError as error:
            return str(error).partition(": ")[2]
    return None if claimed in (None, samples) else f"holds {samples} samples of {claimed}"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

"""Whether an output is there already: the same command again finishes the rest, and does no file twice.

Outputs get their names only when they are complete, so one that is what the job would write can be trusted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import fields
from functools import cached_property
from pathlib import Path

from codectool.audio.formats import format_and_subtype
from codectool.audio.pcm import raw_coding
from codectool.audio.source import open_source
from codectool.batch.planning import BatchJob, Item, job_of
from codectool.batch.report import Outcome, Status
from codectool.container import AnyHeader, HeaderV0, Summary, open_reader, scan
from codectool.errors import CodecError, DataError
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
        if not os.path.lexists(item.target):
            return None
        if self._job.skip_existing:
            return Outcome(item.source, item.target, Status.SKIPPED)
        try:
            difference, damage = self._compared(item)
        except (CodecError, OSError) as error:
            return Outcome(item.source, item.target, Status.FAILED, error=str(error))
        if self._job.each.overwrite and (difference is not None or _asks_for_the_unseen(self._job.each)):
            return None
        if difference is None:
            status = Status.SKIPPED if damage is None else Status.DAMAGED
            return Outcome(item.source, item.target, status, error=damage)
        error_line = f"{item.target}: exists already, but {difference}; use -f to overwrite it"
        return Outcome(item.source, item.target, Status.FAILED, error=error_line)

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
                found = open_reader(stream).header
        except DataError:
            return "is not an .ecdc file that can be read"
        if isinstance(found, HeaderV0) != (job.container == "v0"):
            return f"has version {found.version}, not {job.container.removeprefix('v')}"
        expected: AnyHeader
        if isinstance(found, HeaderV0):
            # its own length is only known when all is read
            expected = plan_encode(job, 1).header_v0(found.total_samples, job.language_model is not None)
        else:
            with open_source(job.source, raw=job.raw) as source:
                plan = plan_encode(job, source.channels)
                expected = plan.header(self.fingerprint, source.rate_hz, source.channels)
        differences = (
            f"has {field.name.replace('_', ' ')} {_shown(was)}, not {_shown(would_be)}"
            for field in fields(expected)
            if (was := getattr(found, field.name)) != (would_be := getattr(expected, field.name))
        )
        return next(differences, None)

    @cached_property
    def fingerprint(self) -> bytes:
        """The fingerprint of the weights to encode with; WeightsError when there are none."""
        assert isinstance(self._job.each, EncodeJob)
        return weights_fingerprint(find_weights(find(self._job.each.model), self._job.each.weights))


def remove_part(target: str) -> None:
    """Remove what a run that was killed left of an output."""
    with suppress(OSError):
        part_path(Path(os.path.realpath(target))).unlink()


def _asks_for_the_unseen(job: EncodeJob | DecodeJob) -> bool:
    """Whether a job asks for what cannot be told by its output."""
    unseen = bool(job.tags) if isinstance(job, EncodeJob) else job.start_s > 0
    return unseen or job.precision != "auto"


def _difference_of_audio(job: DecodeJob, coded: Summary) -> str | None:
    if coded.total_samples is None:
        return "the end of the coded file is missing, so that its length is not known"
    rate_hz = coded.header.original_rate_hz
    first = round(job.start_s * rate_hz)
    end = coded.total_samples if job.duration_s is None else first + round(job.duration_s * rate_hz)
    channels = coded.header.streams * find(coded.header.model).channels
    samples = min(end, coded.total_samples) - first
    if job.raw is not None:
        found_bytes = Path(job.target).stat().st_size
        expected_bytes = samples * channels * raw_coding(job.raw).sample_bytes
        return None if found_bytes == expected_bytes else f"holds {found_bytes} bytes, not {expected_bytes}"
    import soundfile

    try:
        with soundfile.SoundFile(job.target) as audio:
            found = audio.frames, audio.samplerate, audio.channels, audio.subtype
    except (soundfile.LibsndfileError, OSError):
        return "is not audio that can be read"
    expected = samples, rate_hz, channels, format_and_subtype(job.target, job.subtype)[1]
    shown = "{} samples at {} Hz in {} channels as {}"
    return None if found == expected else f"holds {shown.format(*found)}, not {shown.format(*expected)}"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)

"""The writer of the version that a job asks for, and what is to be said of what it cannot keep."""

from __future__ import annotations

from typing import BinaryIO

from codectool.audio.resample import resampled_length
from codectool.audio.source import AudioSource
from codectool.container import Writer, WriterV0
from codectool.jobs import EncodeJob
from codectool.models.loading import LoadedModel
from codectool.pipeline.v0_language_model import BOUND_TO_MACHINE, language_model_of


def open_writer(
    job: EncodeJob, output: BinaryIO, source: AudioSource, model: LoadedModel
) -> Writer | WriterV0:
    """Return the writer for a job; WeightsError when the language model it names is not the right one."""
    if job.container == "v1":
        return Writer(output, job.header(source, model.fingerprint))
    header = job.header_v0(0)
    language_model = language_model_of(job)(header) if header.language_model else None
    return WriterV0(output, header.model, header.levels, language_model)


def stated_samples(job: EncodeJob, source: AudioSource, samples: int, rate_hz: int) -> int:
    """Return the length that the file states of so many samples: version 0 counts at the model's rate."""
    return samples if job.container == "v1" else resampled_length(samples, source.rate_hz, rate_hz)


def losses_v0(job: EncodeJob, source: AudioSource, samples: int, tags: dict[str, str]) -> list[str]:
    """Return what a version 0 file of so many stated samples does not keep, or may not be good for."""
    header = job.header_v0(samples)
    losses = []
    if (source.rate_hz, source.channels) != (header.original_rate_hz, header.original_channels):
        sound = "mono" if header.original_channels == 1 else "stereo"
        losses.append(
            f"version 0 keeps no rate or channels: it decodes to {header.original_rate_hz} Hz {sound}"
        )
    if tags:
        losses.append("version 0 has no tags: they are lost")
    if not header.encodec_reads:
        losses.append(f"EnCodec itself cannot read this file: it miscounts the frames of {samples} samples")
    if header.language_model:
        losses.append(BOUND_TO_MACHINE)
    return [f"{job.target}: {loss}" for loss in losses]

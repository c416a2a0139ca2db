"""The writer of the version that a job asks for, and what is to be said of what it cannot keep."""

from __future__ import annotations

from typing import BinaryIO

from codectool.audio.resample import resampled_length
from codectool.audio.source import AudioSource
from codectool.container import Writer, WriterV0
from codectool.models.loaded import LoadedModel
from codectool.pipeline.planning import EncodeJob, EncodePlan
from codectool.pipeline.v0_language_model import BOUND_TO_MACHINE, language_model_of


def open_writer(
    job: EncodeJob, plan: EncodePlan, output: BinaryIO, source: AudioSource, model: LoadedModel
) -> Writer | WriterV0:
    """Return the writer for a job; WeightsError when the language model it names is not the right one."""
    if job.container == "v1":
        return Writer(output, plan.header(model.fingerprint, source.rate_hz, source.channels))
    header = plan.header_v0(0, job.language_model is not None)
    language_model = language_model_of(job)(header) if header.language_model else None
    return WriterV0(output, header.model, header.levels, language_model)


def stated_samples(job: EncodeJob, source: AudioSource, samples: int, rate_hz: int) -> int:
    """Return the length that a file states, in samples: version 0 counts them at the model's rate."""
    return samples if job.container == "v1" else resampled_length(samples, source.rate_hz, rate_hz)


def warnings_v0(
    job: EncodeJob, plan: EncodePlan, source: AudioSource, samples: int, tags: dict[str, str]
) -> list[str]:
    """Return what a version 0 file of so many stated samples does not keep, or may not be good for."""
    header = plan.header_v0(samples, job.language_model is not None)
    warnings = []
    if (source.rate_hz, source.channels) != (header.original_rate_hz, header.original_channels):
        sound = "mono" if header.original_channels == 1 else "stereo"
        warnings.append(
            f"version 0 keeps no rate or channels: it decodes to {header.original_rate_hz} Hz {sound}"
        )
    if tags:
        warnings.append("version 0 has no tags: they are lost")
    if not header.encodec_reads:
        warnings.append(f"EnCodec itself cannot read this file: it miscounts the frames of {samples} samples")
    if header.language_model:
        warnings.append(BOUND_TO_MACHINE)
    return [f"{job.target}: {warning}" for warning in warnings]

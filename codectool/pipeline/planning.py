"""What an encode is asked for, and what that means for a recording: resolved once, then passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from codectool.audio.pcm import RawFormat
from codectool.container import Header, HeaderV0
from codectool.container.v0 import MODEL_NAMES
from codectool.errors import UsageError
from codectool.models.loading import RunsModel
from codectool.models.registry import DEFAULT_MODEL, STEREO_MODEL, ModelEntry, find, is_known

KEPT_CHANNELS_LIMIT = 8
STEREO_HINT = f"`model='{STEREO_MODEL}'` keeps both"  # of two channels, in a note on a recording


@dataclass(frozen=True)
class EncodeJob(RunsModel):
    """What to encode, into what, and how; `-` is stdin or stdout.

    Attributes:
        levels, rate_bps: how many levels, or what rate may be spent; with neither, the model's usual rate.
        model: name of the model.
        keep_channels: code each channel as a stream of its own; the rate is that of all together.
        low_latency: packets as short as is worth their overhead.
        tags: go before the input's own; an empty text drops one.
        strict: whether what is wrong with the recording is an error, and nothing is written.
        container: `v1`, or `v0` for EnCodec's own, entropy-coded if there is a `language_model`.
    """

    half: ClassVar[str | None] = "encoder"
    source: str
    target: str
    levels: int | None = None
    rate_bps: float | None = None
    model: str = DEFAULT_MODEL
    overwrite: bool = False
    raw: RawFormat | None = None
    keep_channels: bool = False
    low_latency: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    container: str = "v1"
    strict: bool = False
    language_model: Path | None = None
    language_model_threads: int = 1


@dataclass(frozen=True)
class EncodePlan:
    """How a recording will be coded: `streams` streams of a model, each with so many levels."""

    entry: ModelEntry
    levels: int
    streams: int
    packet_frames: int

    @property
    def channels(self) -> int:
        """Channels of the audio that is coded."""
        return self.streams * self.entry.channels

    @property
    def nominal_bps(self) -> float:
        """Rate of the codes alone."""
        return self.levels * self.streams * self.entry.level_bps

    def loses_stereo_of(self, channels: int) -> bool:
        """Return whether the default model mixes two channels that another model here would keep."""
        mixed = self.channels < channels == 2 and self.entry.name == DEFAULT_MODEL
        return mixed and is_known(STEREO_MODEL)

    def header(self, fingerprint: bytes, original_rate_hz: int, original_channels: int) -> Header:
        """Return the header that a version 1 file of such a recording has."""
        return Header(
            model=self.entry.name,
            fingerprint=fingerprint,
            model_rate_hz=self.entry.sample_rate_hz,
            hop_samples=self.entry.hop_samples,
            bits_per_code=self.entry.code_bits,
            levels=self.levels,
            streams=self.streams,
            original_rate_hz=original_rate_hz,
            original_channels=original_channels,
            frames_per_packet=self.packet_frames,
            scaled=self.entry.scaled,
        )

    def header_v0(self, total_samples: int, entropy_coded: bool) -> HeaderV0:
        """Return the header of a version 0 file of so many samples at the model's rate."""
        return HeaderV0(self.entry.name, total_samples, self.levels, entropy_coded)


def plan_encode(job: EncodeJob, channels: int) -> EncodePlan:
    """Return how a recording of so many channels is coded.

    UsageError for a model, a rate or levels there are not, and for choices that do not go together.
    """
    entry = find(job.model)
    _check_choices(job, entry)
    streams = _streams(job, entry, channels)
    levels = entry.levels_for(job.rate_bps, streams) if job.levels is None else job.levels
    entry.check_levels(levels)
    return EncodePlan(entry, levels, streams, entry.packet_frames(job.low_latency))


def check_encode(job: EncodeJob) -> None:
    """Raise UsageError for what can be refused before the recording is opened."""
    if job.keep_channels:  # what else depends on how many there are
        entry = find(job.model)
        _check_choices(job, entry)
        if job.levels is not None:
            entry.check_levels(job.levels)
    else:
        plan_encode(job, channels=1)


def _streams(job: EncodeJob, entry: ModelEntry, channels: int) -> int:
    if not job.keep_channels:
        return 1
    if channels > KEPT_CHANNELS_LIMIT:
        raise UsageError(
            f"{job.source}: {channels} channels, and {KEPT_CHANNELS_LIMIT} at most can be kept: mix them"
        )
    return channels


def _check_choices(job: EncodeJob, entry: ModelEntry) -> None:
    if job.container not in ("v0", "v1"):
        raise UsageError(f"container {job.container!r}: choose from v0, v1")
    if job.low_latency and not entry.streams:
        raise UsageError(f"low latency is for models that stream, and {entry.name} does not")
    if job.keep_channels and entry.channels > 1:
        raise UsageError(f"{entry.name} codes its channels together: they cannot be kept apart")
    if job.container == "v1":
        if job.language_model is not None:
            raise UsageError("a language model is for version 0 files only: add `container='v0'`")
        return
    if entry.name not in MODEL_NAMES:
        raise UsageError(f"version 0 files are for {' and '.join(MODEL_NAMES)}, not for {entry.name}")
    if job.keep_channels or job.low_latency:
        raise UsageError("version 0 files keep no channels apart and have no packets to be shorter")

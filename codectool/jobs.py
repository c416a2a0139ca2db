"""What is to be done, as plain values: filled by a command, carried to a worker; no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codectool.audio.pcm import RawFormat
from codectool.audio.readers import AudioSource
from codectool.container import Header, HeaderV0
from codectool.container.header import PACKET_FRAMES
from codectool.container.v0 import MODEL_NAMES
from codectool.errors import UsageError
from codectool.models.registry import DEFAULT_MODEL, ModelEntry, find

DEFAULT_RATE_BPS = 6000.0
LOW_LATENCY_PACKET_FRAMES = 2  # 26.7 ms; a packet a frame would save 13.3 ms more, at twice the overhead
KEPT_CHANNELS_LIMIT = 8


def packet_frames(entry: ModelEntry, low_latency: bool = False) -> int:
    """Return the frames in a packet of a model's codes: those of a segment, if it codes in segments."""
    if entry.segment_samples is not None:
        return entry.segment_samples // entry.hop_samples
    return LOW_LATENCY_PACKET_FRAMES if low_latency else PACKET_FRAMES


@dataclass(frozen=True)
class EncodeJob:
    """What to encode, into what, and how; `-` is stdin or stdout; without levels and rate, 6 kbps.

    With `keep_channels` each channel is coded as a stream of its own, and the rate is that of all together.
    `tags` go before the input's own; an empty text drops one. With `container` v0 the file is EnCodec's own,
    entropy-coded if there is a `language_model`.
    """

    source: str
    target: str
    levels: int | None = None
    rate_bps: float | None = None
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    device: str = "cpu"
    precision: str = "auto"
    overwrite: bool = False
    raw: RawFormat | None = None
    keep_channels: bool = False
    low_latency: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    container: str = "v1"
    language_model: Path | None = None
    language_model_threads: int = 1

    @property
    def packet_frames(self) -> int:
        """Frames in a packet."""
        return packet_frames(find(self.model), self.low_latency)

    def streams(self, channels: int) -> int:
        """Return how many streams a recording of so many channels makes; UsageError if they are too many."""
        if not self.keep_channels:
            return 1
        if find(self.model).channels > 1:
            raise UsageError(f"{self.model} codes both channels together: leave out --channels keep")
        if channels > KEPT_CHANNELS_LIMIT:
            raise UsageError(
                f"{self.source}: {channels} channels, and {KEPT_CHANNELS_LIMIT} at most can be kept: mix them"
            )
        return channels

    def entry_and_levels(self, streams: int = 1) -> tuple[ModelEntry, int]:
        """Return the model meant and how many levels; UsageError for a model or a rate there is not."""
        entry = find(self.model)
        levels = self.levels
        if levels is None:
            levels = entry.levels_for(DEFAULT_RATE_BPS if self.rate_bps is None else self.rate_bps, streams)
        entry.check_levels(levels)
        return entry, levels

    def check_options(self) -> None:
        """Raise UsageError for options that do not go together, or not with this model."""
        if self.container not in ("v0", "v1"):
            raise UsageError(f"--container {self.container}: choose from v0, v1")
        if self.low_latency and not find(self.model).causal:
            raise UsageError(f"--low-latency is for models that stream, and {self.model} does not")
        if self.container == "v1":
            if self.language_model is not None:
                raise UsageError("--lm is for version 0 files: add --container v0")
            return
        if self.model not in MODEL_NAMES:
            raise UsageError(f"--container v0 is for {' and '.join(MODEL_NAMES)}, not for {self.model}")
        if self.keep_channels or self.low_latency:
            raise UsageError("--container v0 goes with neither --channels keep nor --low-latency")

    def header(self, source: AudioSource, fingerprint: bytes) -> Header:
        """Return the header that encoding `source` with weights of that fingerprint writes."""
        streams = self.streams(source.channels)
        entry, levels = self.entry_and_levels(streams)
        return Header(
            model=entry.name,
            fingerprint=fingerprint,
            model_rate_hz=entry.sample_rate_hz,
            hop_samples=entry.hop_samples,
            bits_per_code=entry.code_bits,
            levels=levels,
            streams=streams,
            original_rate_hz=source.rate_hz,
            original_channels=source.channels,
            frames_per_packet=self.packet_frames,
            scaled=entry.segment_samples is not None,
        )

    def header_v0(self, total_samples: int) -> HeaderV0:
        """Return the header of a version 0 file of so many samples at the model's rate."""
        entry, levels = self.entry_and_levels()
        return HeaderV0(entry.name, total_samples, levels, self.language_model is not None)


@dataclass(frozen=True)
class DecodeJob:
    """What to decode, into what, and how; with `strict`, damage is an error and nothing is written.

    `start_s` and `duration_s` ask for a part only; without a duration, for all from there on. UsageError when
    they are negative or not finite.
    """

    source: str
    target: str
    model: str | None = None
    weights: Path | None = None
    device: str = "cpu"
    precision: str = "auto"
    overwrite: bool = False
    subtype: str | None = None
    raw: str | None = None
    strict: bool = False
    start_s: float = 0.0
    duration_s: float | None = None
    language_model: Path | None = None
    language_model_threads: int = 1

    def __post_init__(self) -> None:
        if not all(0 <= seconds < math.inf for seconds in (self.start_s, self.duration_s or 0.0)):
            raise UsageError("--start and --duration are seconds from 0 on")


@dataclass(frozen=True)
class ConvertJob:
    """Which version 0 file to make a version 1 file of; `language_model` is for entropy-coded ones."""

    source: str
    target: str
    weights: Path | None = None
    language_model: Path | None = None
    language_model_threads: int = 1
    overwrite: bool = False

"""What is to be done, as plain values: filled by a command, carried to a worker; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codectool.audio.pcm import RawFormat
from codectool.audio.readers import AudioSource
from codectool.container import Header
from codectool.errors import UsageError
from codectool.models.registry import DEFAULT_MODEL, ModelEntry, find

DEFAULT_RATE_BPS = 6000.0
PACKET_FRAMES = 75  # 1 s with the house model
LOW_LATENCY_PACKET_FRAMES = 2  # 26.7 ms; a packet a frame would save 13.3 ms more, at twice the overhead
KEPT_CHANNELS_LIMIT = 8


@dataclass(frozen=True)
class EncodeJob:
    """What to encode, into what, and how; `-` is stdin or stdout; without levels and rate, 6 kbps.

    With `keep_channels` each channel is coded as a stream of its own, and the rate is that of all together.
    `tags` go before the input's own; an empty text drops one.
    """

    source: str
    target: str
    levels: int | None = None
    rate_bps: float | None = None
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    device: str = "cpu"
    overwrite: bool = False
    raw: RawFormat | None = None
    keep_channels: bool = False
    low_latency: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def packet_frames(self) -> int:
        """Frames in a packet."""
        return LOW_LATENCY_PACKET_FRAMES if self.low_latency else PACKET_FRAMES

    def streams(self, channels: int) -> int:
        """Return how many streams a recording of so many channels makes; UsageError if they are too many."""
        if not self.keep_channels:
            return 1
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
        )


@dataclass(frozen=True)
class DecodeJob:
    """What to decode, into what, and how; with `strict`, damage is an error and nothing is written.

    `start_s` and `duration_s` ask for a part only; without a duration, for all from there on.
    """

    source: str
    target: str
    model: str | None = None
    weights: Path | None = None
    device: str = "cpu"
    overwrite: bool = False
    subtype: str | None = None
    raw: str | None = None
    strict: bool = False
    start_s: float = 0.0
    duration_s: float | None = None

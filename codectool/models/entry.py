"""What the registry says of a model, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from codectool.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

PACKET_S = 1.0  # of a packet, unless something else is wanted
LOW_LATENCY_PACKET_S = (
    0.02  # whole frames, as many as it takes to reach it; shorter ones cost more than they save
)
DEFAULT_RATE_BPS = 6000.0


@dataclass(frozen=True)
class Download:
    """A published checkpoint: where it is, and the size and sha256 that it must have."""

    url: str
    size_bytes: int | None  # None: not stated
    sha256: str  # hexadecimal, or as much of its beginning as is published


@dataclass(frozen=True)
class ModelEntry:
    """One model: its shape as a stream, and where its weights are.

    A level is one row of a stream's codes `[levels, frames]`. Nearly always each is a codebook; where
    codebooks have several rates, a frame is the slowest one's, and the others have several rows in it.
    """

    name: str
    family: str  # the file in codectool/models that builds it, or the full name of a module elsewhere
    sample_rate_hz: int
    channels: int
    hop_samples: int
    levels: int
    codebook_size: int  # of the largest
    weights_file: str
    fingerprint: bytes  # first 8 bytes of sha256 over the codebooks as float32 little-endian; empty: unknown
    licence: str  # of the weights
    causal: bool
    latency_samples: int  # for a model that is not causal, its segment; 0 with a whole recording at once
    parameters: int
    # fingerprints of earlier weights, each with how many of their first levels code the same
    earlier: Mapping[bytes, int] = field(default_factory=dict)
    rows_per_codebook: tuple[int, ...] = ()  # rows that each has in a frame; empty: one each
    codebook_names: Mapping[int, str] = field(default_factory=dict)  # of those that mean something, by number
    segment_samples: int | None = None  # what a model codes at once, each with its loudness; None: a stream
    segment_stride_samples: int | None = None  # from the start of one segment to the next
    scaled: bool = False  # whether each segment has its loudness beside its codes
    longest_samples: int | None = None  # of a model that needs the whole recording at once
    config: Mapping[str, Any] = field(default_factory=dict)  # beyond the family's defaults
    download: Download | None = None  # where `codec models fetch` gets the weights
    parts: tuple[Download, ...] = ()  # or the several files they are published as
    engine: str = ""  # the only one that runs it, if there is just one
    page: str = ""  # where people find the weights that cannot be fetched

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        return self.sample_rate_hz / self.hop_samples

    @property
    def exact_frame_rate_hz(self) -> Fraction:
        """Frames a second, as a fraction: not every rate is a decimal."""
        from fractions import Fraction  # here, for few ask, and it takes long to import

        return Fraction(self.sample_rate_hz, self.hop_samples)

    @property
    def code_bits(self) -> int:
        """Bits of one code in a file: those of the largest codebook."""
        return (self.codebook_size - 1).bit_length()

    @property
    def level_bps(self) -> float:
        """Bits a second that one level costs."""
        return self.frame_rate_hz * self.code_bits

    @property
    def level_choices(self) -> tuple[int, ...]:
        """The numbers of levels a stream may have: whole codebooks."""
        return tuple(accumulate(self.rows_per_codebook or (1,) * self.levels))

    @property
    def streams(self) -> bool:
        """Whether the model codes a recording as it comes, rather than by segments or as a whole."""
        return self.segment_samples is None and self.longest_samples is None

    def frames_in(self, seconds: float) -> int:
        """Return the number of whole frames that last about `seconds`, one at least."""
        return max(1, round(seconds * self.frame_rate_hz))

    def packet_frames(self, low_latency: bool = False) -> int:
        """Return the frames in a packet.

        They are a segment if the model codes in segments, otherwise a second or less; with `low_latency`,
        fewer.
        """
        if self.segment_samples is not None:
            return self.segment_samples // self.hop_samples
        if low_latency:
            return math.ceil(LOW_LATENCY_PACKET_S * self.frame_rate_hz)
        return self.frames_in(PACKET_S)

    def rates_bps(self, streams: int = 1) -> tuple[float, ...]:
        """Return the possible bit rates of `streams` streams together, counting codes alone."""
        return tuple(levels * self.level_bps * streams for levels in self.level_choices)

    def levels_for(self, rate_bps: float | None, streams: int = 1) -> int:
        """Return the most levels that cost no more than `rate_bps`, the bit rate of all streams together.

        A rate of None means 6 kbps, or the nearest that the model has. Raises UsageError, which lists the
        possible rates, if the rate is below the least or above the most.
        """
        rates = self.rates_bps(streams)
        if rate_bps is None:
            rate_bps = min(max(DEFAULT_RATE_BPS, rates[0]), rates[-1])
        enough = [
            levels for levels, rate in zip(self.level_choices, rates, strict=True) if rate <= rate_bps + 1e-6
        ]
        if not enough or rate_bps >= rates[-1] + self.level_bps * streams:
            listed = ", ".join(f"{rate / 1000:g}" for rate in rates)
            raise UsageError(
                f"{rate_bps / 1000:g} kbps is not possible with {self.name}, which has {listed} kbps"
            )
        return enough[-1]

    def check_levels(self, levels: int) -> None:
        """Raise UsageError unless a stream of the model can have so many levels."""
        if levels not in self.level_choices:
            choices = self.level_choices
            known = f"1 to {self.levels}" if not self.rows_per_codebook else ", ".join(map(str, choices))
            raise UsageError(f"{levels} levels are not possible with {self.name}, which has {known}")

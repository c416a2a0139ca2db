"""The known models as plain data: what each is, without loading anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from codectool.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

PLUGINS = "codectool.models"  # the group of entry points in which other packages offer entries
PACKET_S = 1.0  # of a packet, unless something else is wanted
LOW_LATENCY_PACKET_S = (
    0.02  # whole frames, as many as it takes to reach it; shorter ones cost more than they save
)
DEFAULT_RATE_BPS = 6000.0
ENCODEC_FILES = "https://dl.fbaipublicfiles.com/encodec/v0"


@dataclass(frozen=True)
class Download:
    """A published checkpoint: where it is, and what it has to be before anything uses it."""

    url: str
    size_bytes: int
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
    rows_per_codebook: tuple[int, ...] = ()  # rows that each has in a frame; empty: one each
    codebook_names: Mapping[int, str] = field(default_factory=dict)  # of those that mean something, by number
    segment_samples: int | None = None  # what a model codes at once, each with its loudness; None: a stream
    segment_stride_samples: int | None = None  # from the start of one segment to the next
    scaled: bool = False  # whether each segment has its loudness beside its codes
    longest_samples: int | None = None  # of a model that needs the whole recording at once
    config: Mapping[str, Any] = field(default_factory=dict)  # beyond the family's defaults
    download: Download | None = None  # where `codec models fetch` gets the weights
    page: str = ""  # where people find the weights that cannot be fetched

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        return float(self.exact_frame_rate_hz)

    @property
    def exact_frame_rate_hz(self) -> Fraction:
        """Frames a second, as a fraction: not every rate is a decimal."""
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
        """Return the whole frames that last about so long, one at least."""
        return max(1, round(seconds * self.frame_rate_hz))

    def packet_frames(self, low_latency: bool = False) -> int:
        """Return the frames in a packet: those of a segment, if it codes so, else of a second or less."""
        if self.segment_samples is not None:
            return self.segment_samples // self.hop_samples
        if low_latency:
            return math.ceil(LOW_LATENCY_PACKET_S * self.frame_rate_hz)
        return self.frames_in(PACKET_S)

    def rates_bps(self, streams: int = 1) -> tuple[float, ...]:
        """Return the rates that so many streams together can have, of codes alone."""
        return tuple(levels * self.level_bps * streams for levels in self.level_choices)

    def levels_for(self, rate_bps: float | None, streams: int = 1) -> int:
        """Return the most levels that cost no more than `rate_bps`, that of all streams together.

        Without a rate it is 6 kbps, or what the model has at most or at least. UsageError lists the possible
        rates if there are none, or more is asked than all levels cost.
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


MODELS: dict[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="base_24khz",
            family="spectral",
            sample_rate_hz=24_000,
            channels=1,
            hop_samples=320,
            levels=32,
            codebook_size=1024,
            weights_file="base_24khz.safetensors",
            fingerprint=bytes.fromhex("e8a7f997b8c49c58"),
            licence="CC BY 4.0",
            causal=True,
            latency_samples=640,
            parameters=8_995_266,
        ),
        ModelEntry(
            name="encodec_24khz",
            family="encodec",
            sample_rate_hz=24_000,
            channels=1,
            hop_samples=320,
            levels=32,
            codebook_size=1024,
            weights_file="encodec_24khz.safetensors",
            fingerprint=b"",
            licence="not stated; that of EnCodec's code is MIT",
            causal=True,
            latency_samples=320,
            parameters=19_041_121,
            download=Download(
                url=f"{ENCODEC_FILES}/encodec_24khz-d7cc33bc.th",
                size_bytes=93_171_529,
                sha256="d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
            ),
        ),
        ModelEntry(
            name="encodec_48khz",
            family="encodec",
            sample_rate_hz=48_000,
            channels=2,
            hop_samples=320,
            levels=16,
            codebook_size=1024,
            weights_file="encodec_48khz.safetensors",
            fingerprint=b"",
            licence="MIT by its Hugging Face page, elsewhere not stated; that of EnCodec's code is MIT",
            causal=False,
            latency_samples=48_000,
            parameters=16_953_446,
            download=Download(
                url=f"{ENCODEC_FILES}/encodec_48khz-7e698e3e.th", size_bytes=76_337_089, sha256="7e698e3e"
            ),
            segment_samples=48_000,
            segment_stride_samples=47_520,  # segments share 1 % with the one before
            scaled=True,
            config={
                "sample_rate_hz": 48_000,
                "channels": 2,
                "levels": 16,
                "causal": False,
                "group_norm": True,
                "normalized": True,
            },
        ),
        ModelEntry(
            name="encodec_32khz",
            family="encodec",
            sample_rate_hz=32_000,
            channels=1,
            hop_samples=640,
            levels=4,
            codebook_size=2048,
            weights_file="encodec_32khz.safetensors",
            fingerprint=b"",
            licence="CC BY-NC 4.0, as audiocraft states for its weights",
            causal=False,
            latency_samples=0,
            parameters=57_925_313,
            page="https://huggingface.co/facebook/encodec_32khz",
            longest_samples=60 * 32_000,  # at 45 MB a second
            # By Hugging Face, which mirrors the ends; audiocraft's default would put zeros there.
            config={
                "sample_rate_hz": 32_000,
                "levels": 4,
                "codebook_size": 2048,
                "filters": 64,
                "ratios": (8, 5, 4, 4),
                "causal": False,
                "identity_skip": True,
            },
        ),
    )
}
DEFAULT_MODEL = "base_24khz"


def known_models() -> Iterator[ModelEntry]:
    """Yield the entries of this package's models, then those that other installed packages offer."""
    yield from MODELS.values()
    for plugin in _plugins():
        if plugin.name not in MODELS:
            yield plugin.load()


def is_known(name: str) -> bool:
    """Return whether there is a model of that name."""
    return name in MODELS or name in _plugins().names


def find(name: str) -> ModelEntry:
    """Return the entry of that name; UsageError names the known ones."""
    if name in MODELS:
        return MODELS[name]
    plugins = _plugins()
    if name not in plugins.names:
        known = ", ".join([*MODELS, *sorted(plugins.names)])
        raise UsageError(f"no model is called {name!r}: the known ones are {known}")
    entry: ModelEntry = plugins[name].load()
    return entry


def _plugins() -> EntryPoints:
    from importlib.metadata import entry_points  # here, for it takes longer to import than to use

    return entry_points(group=PLUGINS)

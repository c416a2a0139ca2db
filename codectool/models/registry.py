"""The known models as plain data: what each is, without loading anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codectool.errors import UsageError

ENCODEC_FILES = "https://dl.fbaipublicfiles.com/encodec/v0"


@dataclass(frozen=True)
class Download:
    """A published checkpoint: where it is, and what it has to be before anything uses it."""

    url: str
    size_bytes: int
    sha256: str  # hexadecimal, or as much of its beginning as is published


@dataclass(frozen=True)
class ModelEntry:
    """One model: its shape as a stream, and where its weights are."""

    name: str
    family: str  # the file in codectool/models that builds it
    sample_rate_hz: int
    channels: int
    hop_samples: int
    levels: int
    codebook_size: int
    weights_file: str
    fingerprint: bytes  # first 8 bytes of sha256 over the codebooks as float32 little-endian; empty: unknown
    licence: str  # of the weights
    causal: bool
    latency_samples: int  # for a model that is not causal, its segment; 0 with a whole recording at once
    parameters: int
    segment_samples: int | None = None  # what a model that is not causal codes at once; None: a stream
    segment_stride_samples: int | None = None  # from the start of one segment to the next
    longest_samples: int | None = None  # of a model that needs the whole recording at once
    config: Mapping[str, Any] = field(default_factory=dict)  # beyond the family's defaults
    download: Download | None = None  # where `codec models fetch` gets the weights
    page: str = ""  # where people find the weights that cannot be fetched

    @property
    def frame_rate_hz(self) -> float:
        """Frames a second."""
        return self.sample_rate_hz / self.hop_samples

    @property
    def code_bits(self) -> int:
        """Bits of one code."""
        return (self.codebook_size - 1).bit_length()

    @property
    def level_bps(self) -> float:
        """Bits a second that one level costs."""
        return self.frame_rate_hz * self.code_bits

    def levels_for(self, rate_bps: float, streams: int = 1) -> int:
        """Return the most levels that cost no more than `rate_bps`, that of all streams together.

        UsageError lists the possible rates if there are none, or more is asked than all levels cost.
        """
        level_bps = self.level_bps * streams
        levels = int(rate_bps / level_bps + 1e-9)
        if not 1 <= levels <= self.levels:
            rates = ", ".join(f"{level * level_bps / 1000:g}" for level in range(1, self.levels + 1))
            raise UsageError(
                f"{rate_bps / 1000:g} kbps is not possible with {self.name}, which has {rates} kbps"
            )
        return levels

    def check_levels(self, levels: int) -> None:
        """Raise UsageError unless the model has so many levels."""
        if not 1 <= levels <= self.levels:
            raise UsageError(
                f"{levels} levels are not possible with {self.name}, which has 1 to {self.levels}"
            )


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
            config={
                "sample_rate_hz": 48_000,
                "channels": 2,
                "levels": 16,
                "causal": False,
                "group_norm": True,
                "normalized": True,
                "segment_samples": 48_000,
                "segment_stride_samples": 47_520,
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


def find(name: str) -> ModelEntry:
    """Return the entry of that name; UsageError names the known ones."""
    if name not in MODELS:
        raise UsageError(f"no model is called {name!r}: the known ones are {', '.join(MODELS)}")
    return MODELS[name]

"""The known models as plain data: what each is, without loading anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from codectool.errors import UsageError


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
    fingerprint: bytes  # first 8 bytes of sha256 over the codebooks as float32 little-endian
    licence: str  # of the weights
    causal: bool
    latency_samples: int
    parameters: int
    config: Mapping[str, int] = field(default_factory=dict)  # beyond the family's defaults

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
            fingerprint=bytes.fromhex("a4296ee15f115aca"),
            licence="CC BY 4.0",
            causal=True,
            latency_samples=640,
            parameters=8_995_266,
        ),
    )
}
DEFAULT_MODEL = "base_24khz"


def find(name: str) -> ModelEntry:
    """Return the entry of that name; UsageError names the known ones."""
    if name not in MODELS:
        raise UsageError(f"no model is called {name!r}: the known ones are {', '.join(MODELS)}")
    return MODELS[name]

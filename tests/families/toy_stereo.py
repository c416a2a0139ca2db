"""A toy family in one file: causal, stereo, 12.5 frames a second, a transformer layer, split codebooks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.models.family import Family
from codectool.models.registry import ModelEntry
from codectool.nn.convolution import Pointwise
from codectool.nn.layer import Chain, Layer, State
from codectool.nn.quantizer import ResidualVectorQuantizer

WINDOW_FRAMES = 6


@dataclass(frozen=True)
class Config:
    """The shape of the toy."""

    sample_rate_hz: int = 24_000
    channels: int = 2
    hop_samples: int = 1920
    levels: int = 4
    codebook_size: int = 64
    dim: int = 8


class Framing(Layer):
    """Turn `[batch, samples, channels]` into `[batch, frames, hop * channels]`, the last frame filled up."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.ratio = Fraction(1, hop)
        self.receptive_field = hop

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.reshape(len(x), -1, self.hop * x.shape[2]), state

    def finish(self, rest: Tensor, state: State) -> Tensor:
        return self.step(F.pad(rest, (0, 0, 0, -rest.shape[1] % self.hop)), state)[0]


class Unframing(Layer):
    """Turn `[batch, frames, hop * channels]` back into samples."""

    def __init__(self, hop: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.ratio = Fraction(hop)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.reshape(len(x), -1, self.channels), state


class WindowedAttention(Layer):
    """Each frame attends to itself and the frames before it within a window; the state holds their keys."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.projections = nn.Linear(dim, 3 * dim)
        self.receptive_field = WINDOW_FRAMES

    def initial_state(self, batch: int) -> State:
        return self.projections.weight.new_zeros(batch, 0, 2 * self.dim)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        queries, new = self.projections(x).split((self.dim, 2 * self.dim), dim=2)
        past = torch.cat((state, new), dim=1)
        keys, values = past.chunk(2, dim=2)
        age = torch.arange(x.shape[1])[:, None] + state.shape[1] - torch.arange(past.shape[1])
        allowed = (age >= 0) & (age < WINDOW_FRAMES)
        attended = F.scaled_dot_product_attention(queries, keys, values, allowed)
        return x + attended, past[:, max(0, past.shape[1] - WINDOW_FRAMES + 1) :]


class SplitQuantizer(nn.Module):
    """One level for the meaning, the others for the rest, both of the same latents and added up."""

    def __init__(self, levels: int, codebook_size: int, dim: int) -> None:
        super().__init__()
        counts = (1, levels - 1)
        self.parts = nn.ModuleList(ResidualVectorQuantizer(count, codebook_size, dim) for count in counts)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        first, rest = self.parts
        codes = first.encode(latents)
        if levels == 1:
            return codes  # type: ignore[no-any-return]
        return torch.cat((codes, rest.encode(latents, None if levels is None else levels - 1)), dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        first, rest = self.parts
        latents = first.decode(codes[:, :1])
        return latents if codes.shape[1] == 1 else latents + rest.decode(codes[:, 1:])


class Codec(nn.Module):
    """The toy."""

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.hop_samples * config.channels
        self.encoder = Chain(
            [
                Framing(config.hop_samples),
                Pointwise(nn.Linear(width, config.dim)),
                WindowedAttention(config.dim),
            ]
        )
        self.quantizer = SplitQuantizer(config.levels, config.codebook_size, config.dim)
        self.decoder = Chain(
            [
                WindowedAttention(config.dim),
                Pointwise(nn.Linear(config.dim, width)),
                Unframing(config.hop_samples, config.channels),
            ]
        )

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return math.ceil(samples / self.config.hop_samples)


FAMILY = Family(Config, Codec)
ENTRY = ModelEntry(
    name="toy_stereo",
    family=__name__,
    sample_rate_hz=24_000,
    channels=2,
    hop_samples=1920,
    levels=4,
    codebook_size=64,
    weights_file="toy_stereo.safetensors",
    fingerprint=b"",
    licence="CC0",
    causal=True,
    latency_samples=0,
    parameters=0,
    codebook_names={0: "semantic"},
)

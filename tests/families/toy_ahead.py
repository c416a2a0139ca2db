"""A toy family in one file: 44.1 kHz, not causal but exact in a stream, dilated, codebooks of three rates."""

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

FINE_SAMPLES = 512  # a frame of the fastest codebook
FINE_FRAMES = 4  # of those make a frame of the slowest, which is the stream's
RATES = (1, 2, 4)  # codes that each codebook has in a frame of the stream


@dataclass(frozen=True)
class Config:
    """The shape of the toy."""

    sample_rate_hz: int = 44_100
    channels: int = 1
    hop_samples: int = FINE_SAMPLES * FINE_FRAMES
    levels: int = sum(RATES)
    codebook_size: int = 32
    dim: int = 4


class WholeHops(Layer):
    """Fill the end up with silence to a whole hop, as the encoder wants it."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.receptive_field = hop  # the last samples say how much silence follows

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state

    def finish(self, rest: Tensor, state: State) -> Tensor:
        return F.pad(rest, (0, 0, 0, -rest.shape[1] % self.hop))


class AheadConvolution(Layer):
    """Convolve over as many steps behind as ahead, zeros beyond both ends of a stream."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.look_ahead = dilation
        self.receptive_field = 2 * dilation + 1
        self.inputs = inputs
        self.convolution = nn.Conv1d(inputs, outputs, 3, dilation=dilation)

    def initial_state(self, batch: int) -> State:
        return self.convolution.weight.new_zeros(batch, self.look_ahead, self.inputs)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        extended = torch.cat((state, x), dim=1)
        kept = extended[:, max(0, extended.shape[1] - 2 * self.look_ahead) :]
        if extended.shape[1] < self.receptive_field:
            return x.new_zeros(len(x), 0, self.convolution.out_channels), kept
        return self.convolution(extended.transpose(1, 2)).transpose(1, 2), kept

    def finish(self, rest: Tensor, state: State) -> Tensor:
        assert isinstance(state, Tensor)
        if not rest.shape[1] and state.shape[1] <= self.look_ahead:  # nothing ever came
            return self.step(rest, state)[0]
        return self.step(F.pad(rest, (0, 0, 0, self.look_ahead)), state)[0]


class Folding(Layer):
    """Put so many steps into one, holding back what does not fill one."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.count, self.width = count, width
        self.ratio = Fraction(1, count)
        self.receptive_field = count
        self.look_ahead = count - 1

    def initial_state(self, batch: int) -> State:
        return torch.zeros(batch, 0, self.width)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        held = torch.cat((state, x), dim=1)
        whole = held.shape[1] // self.count * self.count
        return held[:, :whole].reshape(len(x), -1, self.count * self.width), held[:, whole:]


class Unfolding(Layer):
    """Take one step apart into so many."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.ratio = Fraction(count)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.reshape(len(x), -1, x.shape[2] // self.count), state


class SeveralRates(nn.Module):
    """Residual codebooks, each of latents averaged over the time that one of its codes lasts."""

    def __init__(self, codebook_size: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.parts = nn.ModuleList(ResidualVectorQuantizer(1, codebook_size, dim) for _ in RATES)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        batch, frames, _ = latents.shape
        residual = latents.reshape(batch, frames * FINE_FRAMES, self.dim)
        rows: list[Tensor] = []
        for part, rate in zip(self.parts, RATES, strict=True):
            if levels is not None and sum(row.shape[1] for row in rows) >= levels:
                break
            span = FINE_FRAMES // rate
            mean = residual.reshape(batch, -1, span, self.dim).mean(dim=2)
            codes = part.encode(mean)  # [batch, 1, frames * rate]
            residual = residual - part.decode(codes).repeat_interleave(span, dim=1)
            rows.append(codes.reshape(batch, frames, rate).transpose(1, 2))
        return torch.cat(rows, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        batch, _, frames = codes.shape
        latents = torch.zeros(batch, frames * FINE_FRAMES, self.dim)
        first = 0
        for part, rate in zip(self.parts, RATES, strict=True):
            if first == codes.shape[1]:
                break
            row = codes[:, first : first + rate].transpose(1, 2).reshape(batch, 1, -1)
            latents = latents + part.decode(row).repeat_interleave(FINE_FRAMES // rate, dim=1)
            first += rate
        return latents.reshape(batch, frames, FINE_FRAMES * self.dim)


class Codec(nn.Module):
    """The toy."""

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Chain(
            [
                WholeHops(config.hop_samples),
                AheadConvolution(1, 2, dilation=3),
                Folding(FINE_SAMPLES, 2),
                Pointwise(nn.Linear(2 * FINE_SAMPLES, config.dim)),
                AheadConvolution(config.dim, config.dim),
                Folding(FINE_FRAMES, config.dim),
            ]
        )
        self.quantizer = SeveralRates(config.codebook_size, config.dim)
        self.decoder = Chain(
            [
                Unfolding(FINE_FRAMES),
                AheadConvolution(config.dim, config.dim, dilation=2),
                Pointwise(nn.Linear(config.dim, FINE_SAMPLES)),
                Unfolding(FINE_SAMPLES),
                AheadConvolution(1, 1, dilation=3),
            ]
        )

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return math.ceil(samples / self.config.hop_samples)


FAMILY = Family(Config, Codec)
ENTRY = ModelEntry(
    name="toy_ahead",
    family=__name__,
    sample_rate_hz=44_100,
    channels=1,
    hop_samples=FINE_SAMPLES * FINE_FRAMES,
    levels=sum(RATES),
    codebook_size=32,
    weights_file="toy_ahead.safetensors",
    fingerprint=b"",
    licence="CC0",
    causal=False,
    latency_samples=3 * FINE_SAMPLES,
    parameters=0,
    rows_per_codebook=RATES,
)

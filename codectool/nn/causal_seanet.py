"""SEANet without an LSTM and with zeros before its start, and Mimi's encoder around it.

Source: Défossez et al., Moshi (arXiv 2410.00037), section 3.3.1, and the published code, package `moshi`,
modules/seanet.py and models/compression.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codectool.nn.elu import Elu
from codectool.nn.framing import WholeHops
from codectool.nn.layer import Chain, Layer
from codectool.nn.residual import Residual
from codectool.nn.transformer import TransformerBlock
from codectool.nn.zero_padded import ZeroPaddedConvolution, ZeroPaddedTransposed

FIRST_KERNEL = 7
LAST_KERNEL = 3
RESIDUAL_KERNEL = 3


@dataclass(frozen=True)
class Shape:
    """The shape of Mimi's networks; the defaults are Mimi's own."""

    channels: int = 1
    filters: int = 64  # channels at the sample rate
    ratios: tuple[int, ...] = (8, 6, 5, 4)  # of rates, from the transformer's steps to the samples
    dim: int = 512
    steps_per_frame: int = 2  # of the transformers
    layers: int = 8
    heads: int = 8
    expanded: int = 2048
    window: int = 250  # steps that attention sees

    @property
    def hop_samples(self) -> int:
        """Samples a frame."""
        return math.prod(self.ratios) * self.steps_per_frame


def mimi_encoder(shape: Shape) -> Chain:
    """Return audio `[batch, samples, channels]` to latents `[batch, frames, dim]`."""
    stride = shape.steps_per_frame
    downsample = ZeroPaddedConvolution(
        shape.dim, shape.dim, 2 * stride, stride, bias=False, repeat_first=True
    )
    return Chain([WholeHops(shape.hop_samples), seanet_encoder(shape), transformer(shape), downsample])


def mimi_decoder(shape: Shape) -> Chain:
    """Return latents `[batch, frames, dim]` to audio `[batch, samples, channels]`."""
    upsample = ZeroPaddedTransposed(shape.dim, shape.dim, shape.steps_per_frame, groups=shape.dim, bias=False)
    return Chain([upsample, transformer(shape), seanet_decoder(shape)])


def transformer(shape: Shape) -> Chain:
    """Return the transformer that stands on both sides."""
    blocks = [
        TransformerBlock(shape.dim, shape.heads, shape.expanded, shape.window) for _ in range(shape.layers)
    ]
    return Chain(blocks)


def seanet_encoder(shape: Shape) -> Chain:
    """Return the convolutions from the samples to the transformer's rate, numbered as published."""
    width = shape.filters
    parts: list[Layer] = [ZeroPaddedConvolution(shape.channels, width, FIRST_KERNEL)]
    for ratio in reversed(shape.ratios):
        down = ZeroPaddedConvolution(width, 2 * width, 2 * ratio, ratio)
        parts += [_residual(width), Elu(), down]
        width *= 2
    return Chain([*parts, Elu(), ZeroPaddedConvolution(width, shape.dim, LAST_KERNEL)])


def seanet_decoder(shape: Shape) -> Chain:
    """Return the convolutions back to the samples, numbered as published."""
    width = shape.filters * 2 ** len(shape.ratios)
    parts: list[Layer] = [ZeroPaddedConvolution(shape.dim, width, FIRST_KERNEL)]
    for ratio in shape.ratios:
        parts += [Elu(), ZeroPaddedTransposed(width, width // 2, ratio), _residual(width // 2)]
        width //= 2
    return Chain([*parts, Elu(), ZeroPaddedConvolution(width, shape.channels, LAST_KERNEL)])


def _residual(width: int) -> Residual:
    inner: Sequence[Layer] = [
        Elu(in_place=False),
        ZeroPaddedConvolution(width, width // 2, RESIDUAL_KERNEL),
        Elu(),
        ZeroPaddedConvolution(width // 2, width, 1),
    ]
    return Residual(inner)

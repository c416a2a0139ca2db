"""The blocks that DAC and SNAC are made of: Snake, dilated convolutions, changes of rate; they look ahead.

Source: Kumar et al., High-Fidelity Audio Compression with Improved RVQGAN (arXiv 2306.06546), section 3.1,
and the published code, package `descript-audio-codec`, model/dac.py.
"""

from __future__ import annotations

from codectool.nn.layer import Chain, Layer
from codectool.nn.residual import Residual
from codectool.nn.snake import Snake
from codectool.nn.zero_padded import ZeroPaddedConvolution, ZeroPaddedTransposed

KERNEL = 7
DILATIONS = (1, 3, 9)


def centred(
    inputs: int, outputs: int, kernel: int, dilation: int = 1, groups: int = 1
) -> ZeroPaddedConvolution:
    """Return a convolution that sees as much behind as before; `kernel` is odd."""
    look_ahead = (kernel - 1) // 2 * dilation
    return ZeroPaddedConvolution(
        inputs, outputs, kernel, dilation=dilation, groups=groups, look_ahead=look_ahead
    )


def residual_unit(width: int, dilation: int, groups: int = 1) -> Residual:
    """Return a dilated and a pointwise convolution, with Snake before each, added to the input."""
    return Residual(
        [
            Snake(width),
            centred(width, width, KERNEL, dilation, groups),
            Snake(width),
            ZeroPaddedConvolution(width, width, 1),
        ]
    )


def encoder_block(width: int, stride: int, groups: int = 1) -> Chain:
    """Return what takes `width` channels to twice as many, at a rate `stride` times lower."""
    parts: list[Layer] = [residual_unit(width, dilation, groups) for dilation in DILATIONS]
    down = ZeroPaddedConvolution(width, 2 * width, 2 * stride, stride, look_ahead=stride // 2)
    return Chain([*parts, Snake(width), down])


def decoder_block(width: int, stride: int, groups: int = 1) -> Chain:
    """Return what takes `width` channels to half as many, at a rate `stride` times higher."""
    up = ZeroPaddedTransposed(width, width // 2, stride, shift=(stride + 1) // 2)
    parts: list[Layer] = [residual_unit(width // 2, dilation, groups) for dilation in DILATIONS]
    return Chain([Snake(width), up, *parts])

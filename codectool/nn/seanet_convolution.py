"""SEANet's convolutions, down and up in rate, with signals mirrored at their ends; channels-last.

Source: Défossez et al., High Fidelity Neural Audio Compression (arXiv 2210.13438), section 3.1; how the ends
are treated is said only by the published code, package `encodec`, modules/conv.py.

Those that are not causal have no steps, only `forward`.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.linear import Packable, PackedLinear

WIDE = 128  # from this many channels on, windows are worth copying whatever they share


def reflect(x: Tensor, before: int, after: int) -> Tensor:
    """Extend `[batch, time, channels]` by the mirror images of its ends, whose own steps are not repeated.

    A signal too short for that is mirrored with zeros behind it, and cut to the right length.
    """
    if before == after == 0:
        return x
    length = x.shape[1] + before + after
    x = F.pad(x, (0, 0, 0, max(0, max(before, after) + 1 - x.shape[1])))
    last = x.shape[1] - 1
    mirrored = torch.cat((x[:, 1 : before + 1].flip(1), x, x[:, last - after : last].flip(1)), dim=1)
    return mirrored[:, :length]


class ReflectedConvolution(Layer, Packable):
    """Convolve `[batch, time, inputs]`; one step comes out for every `stride`, and for a last part of one.

    Causal, the kernel reaches to the past; else to both sides, and with `group_norm` the output is normalized
    over its whole time and all channels.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        causal: bool = True,
        group_norm: bool = False,
    ) -> None:
        super().__init__()
        assert not (causal and group_norm), "a norm over the whole signal is not causal"
        self.hop = stride
        self.ratio = Fraction(1, stride)
        self.causal = causal
        self.kernel = kernel
        self.padding = kernel - stride  # steps of mirror image in all, where the length is whole
        self.receptive_field = kernel if causal else None
        self.first_push = math.ceil((self.padding + 1) / stride) * stride if self.padding else 0
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride)
        self.norm = nn.GroupNorm(1, outputs) if group_norm else None
        self._dtype = torch.float32
        self._product: PackedLinear | None = None

    def pack(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        if self.hop > 1 or self.kernel == 1 or self.convolution.in_channels >= WIDE:
            # Copying windows for one product takes less time than torch's convolution loses.
            matrix = self.convolution.weight.transpose(1, 2).flatten(1)
            self._product = PackedLinear(matrix, _bias(self.convolution), dtype)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert self.causal
        x = x.to(self._dtype)
        if x.shape[1] == 0:
            return self._convolve(x), state
        if isinstance(state, Tensor):
            extended = torch.cat((state, x), dim=1)
        else:
            assert x.shape[1] >= self.first_push
            extended = reflect(x, self.padding, 0)
        return self._convolve(extended), extended[:, extended.shape[1] - self.padding :].clone()

    def finish(self, rest: Tensor, state: State) -> Tensor:
        rest = rest.to(self._dtype)
        missing = -rest.shape[1] % self.hop
        if isinstance(state, Tensor):
            return self._convolve(reflect(torch.cat((state, rest), dim=1), 0, missing))
        if rest.shape[1] == 0:
            return self._convolve(rest)
        ahead = 0 if self.causal else self.padding // 2
        extended = reflect(rest, self.padding - ahead, ahead + missing)
        return _normalized(self._convolve(extended), self.norm)

    def _convolve(self, extended: Tensor) -> Tensor:
        if extended.shape[1] < self.kernel:
            return extended.new_zeros(extended.shape[0], 0, self.convolution.out_channels)
        if self._product is not None:
            return self._product(_windows(extended, self.kernel, self.hop))
        # As a picture one pixel high, channels-last memory is a layout torch convolves without a copy.
        picture = extended.transpose(1, 2).unsqueeze(2)
        weight, bias = self.convolution.weight.unsqueeze(2), _bias(self.convolution)
        y = F.conv2d(picture, weight.to(self._dtype), bias.to(self._dtype), stride=(1, self.hop))
        return y.squeeze(2).transpose(1, 2)


class TransposedConvolution(Layer, Packable):
    """Take `[batch, time, inputs]` to `stride` steps for each, from its own input and the one before it.

    Its kernel is two strides long. Not causal, the result is moved ahead by half a stride, rounded up.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, causal: bool = True, group_norm: bool = False
    ) -> None:
        super().__init__()
        assert not (causal and group_norm), "a norm over the whole signal is not causal"
        self.stride = stride
        self.ratio = Fraction(stride)
        self.causal = causal
        self.receptive_field = 2 if causal else None
        self.convolution = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride)
        self.norm = nn.GroupNorm(1, outputs) if group_norm else None
        self._dtype = torch.float32
        self._product: PackedLinear | None = None

    def pack(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        # The kernel's first stride belongs to a step's own input, the second to the one before.
        own, before = self.convolution.weight.tensor_split(2, dim=2)
        matrix = torch.cat((before, own)).permute(2, 1, 0).flatten(0, 1)
        self._product = PackedLinear(matrix, _bias(self.convolution).repeat(self.stride), dtype)

    def initial_state(self, batch: int) -> State:
        zeros: Tensor = self.convolution.weight.new_zeros(batch, 1, self.convolution.in_channels)
        return zeros.to(self._dtype)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert self.causal
        assert isinstance(state, Tensor)
        extended = torch.cat((state, x), dim=1)
        return self._convolve(extended), extended[:, -1:].clone()

    def finish(self, rest: Tensor, state: State) -> Tensor:
        if self.causal or rest.shape[1] == 0:
            return self.step(rest, state)[0]
        assert isinstance(state, Tensor)
        y = _normalized(self._convolve(torch.cat((state, rest, state), dim=1)), self.norm)
        behind = self.stride // 2
        return y[:, self.stride - behind : y.shape[1] - behind]

    def _convolve(self, extended: Tensor) -> Tensor:
        batch, length, _ = extended.shape
        if length == 1:
            return extended.new_zeros(batch, 0, self.convolution.out_channels)
        if self._product is not None:
            y = self._product(_windows(extended, 2, 1))
            return y.view(batch, (length - 1) * self.stride, self.convolution.out_channels)
        y = F.conv_transpose1d(
            extended.transpose(1, 2), self.convolution.weight, self.convolution.bias, self.stride
        )
        return y[:, :, self.stride : -self.stride].transpose(1, 2)


def _bias(convolution: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


def _windows(x: Tensor, length: int, hop: int) -> Tensor:
    """Return the windows of `length` steps, one every `hop`, as rows `[batch, rows, length * channels]`."""
    batch, steps, channels = x.shape
    rows = (steps - length) // hop + 1
    strides = (steps * channels, hop * channels, 1)
    return x.contiguous().as_strided((batch, rows, length * channels), strides).contiguous()


def _normalized(y: Tensor, norm: nn.GroupNorm | None) -> Tensor:
    if norm is None:
        return y
    scaled: Tensor = F.layer_norm(y, y.shape[1:], eps=norm.eps) * norm.weight + norm.bias
    return scaled

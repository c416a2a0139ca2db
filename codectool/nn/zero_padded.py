"""Convolutions over signals with zeros before and behind them, down and up in rate; channels-last.

A kernel may reach ahead: then the layer holds back the outputs whose inputs are not there yet, and takes any
number of steps at a time. Causal kernels are those that reach 0 steps ahead.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.linear import Packable, PackedLinear, has_operators
from codectool.nn.overlap_save import OverlapSave, suits
from codectool.nn.two_taps import TwoTaps
from codectool.nn.two_taps import suits as suits_two_taps

WIDE = 512  # from this many channels on, one product of windows is as fast, and of few steps far faster


class ZeroPaddedConvolution(Layer, Packable):
    """Convolve `[batch, time, inputs]`; every `stride` steps give one, and a last part of a stride none.

    The kernel sees `look_ahead` steps beyond an output's own stride, and all others of its span before. With
    `repeat_first` the signal's first step, not zero, stands before it.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        look_ahead: int = 0,
        bias: bool = True,
        repeat_first: bool = False,
    ) -> None:
        super().__init__()
        self.ratio = Fraction(1, stride)
        self.stride = stride
        self.dilation = dilation
        self.span = (kernel - 1) * dilation + 1
        self.receptive_field = self.span
        self.look_ahead = look_ahead
        self.before = self.span - stride - look_ahead
        self.repeat_first = repeat_first
        self.convolution = nn.Conv1d(
            inputs, outputs, kernel, stride, dilation=dilation, groups=groups, bias=bias
        )
        self._matrix: PackedLinear | None = None
        self._prepared: Tensor | None = None
        self._transformed: OverlapSave | None = None
        self._strides: TwoTaps | None = None  # its taps are one stride each

    def pack(self, dtype: torch.dtype) -> None:
        weight = self.convolution.weight
        outputs, inputs, kernel = weight.shape
        if self.stride == self.convolution.groups == 1 and suits(kernel, inputs, outputs):
            self._transformed = OverlapSave(weight, _bias(self.convolution), self.dilation)
        elif self._is_two_strides() and suits_two_taps(self.stride * inputs, outputs):
            first, second = (tap.transpose(1, 2).flatten(1) for tap in weight.tensor_split(2, dim=2))
            self._strides = TwoTaps(first, second, _bias(self.convolution))
        elif self.convolution.groups == 1 and outputs > 1 and (kernel == 1 or inputs >= WIDE):
            self._matrix = PackedLinear(weight.transpose(1, 2).flatten(1), _bias(self.convolution))
        elif outputs == 1:  # all taps of one output are as many outputs of a product
            self._matrix = PackedLinear(weight[0].T, weight.new_zeros(kernel))
        elif has_operators():
            places = [0, 0], [1, self.stride], [1, self.dilation], self.convolution.groups
            picture = [
                1,
                self.convolution.in_channels,
                1,
                16 * self.span,
            ]  # what is usual; others are as right
            self._prepared = torch.ops.mkldnn._reorder_convolution_weight(
                weight.detach().unsqueeze(2), *places, picture
            )

    def packed_parameters(self) -> Iterable[Tensor]:
        prepared = self._matrix, self._prepared, self._strides
        return () if all(one is None for one in prepared) else (self.convolution.weight,)

    def _is_two_strides(self) -> bool:
        kernel = self.convolution.kernel_size[0]
        return kernel == 2 * self.stride and self.dilation == self.convolution.groups == 1

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        extended = self._extended(x, state)
        count = max(0, (extended.shape[1] - self.span) // self.stride + 1)
        if x.shape[1] == 0 and not isinstance(state, Tensor):
            return self._nothing(x), state
        return self._convolve(extended, count), extended[:, count * self.stride :].clone()

    def finish(self, rest: Tensor, state: State) -> Tensor:
        if rest.shape[1] == 0 and not isinstance(state, Tensor):
            return self._nothing(rest)
        extended = self._extended(F.pad(rest, (0, 0, 0, self.look_ahead)), state)
        return self._convolve(extended, max(0, (extended.shape[1] - self.span) // self.stride + 1))

    def _extended(self, x: Tensor, state: State) -> Tensor:
        """Return the input with what is still needed of what came before."""
        if isinstance(state, Tensor):
            return torch.cat((state, x), dim=1) if state.shape[1] else x
        if self.repeat_first and x.shape[1]:
            return torch.cat((x[:, :1].expand(-1, self.before, -1), x), dim=1)
        return F.pad(x, (0, 0, self.before, 0)) if self.before else x

    def _nothing(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], 0, self.convolution.out_channels)

    def _convolve(self, extended: Tensor, count: int) -> Tensor:
        if count == 0:
            return self._nothing(extended)
        if self._matrix is not None:
            return self._one_product(extended, count)
        if self._strides is not None:
            rows = extended[:, : (count + 1) * self.stride]
            return self._strides(rows.reshape(len(rows), count + 1, -1))
        if self._transformed is not None and self._transformed.pays(count):
            return self._transformed(extended)
        bias = self.convolution.bias
        # As a picture one pixel high, channels-last memory is a layout torch convolves without a copy.
        picture = extended.transpose(1, 2).unsqueeze(2)
        options = [1, self.stride], [0, 0], [1, self.dilation], self.convolution.groups
        if self._prepared is not None:
            stride, padding, dilation, groups = options
            y = torch.ops.mkldnn._convolution_pointwise(
                picture, self._prepared, bias, padding, stride, dilation, groups, "none", [], ""
            )
        else:
            y = F.conv2d(picture, self.convolution.weight.unsqueeze(2), bias, *options)
        assert isinstance(y, Tensor)
        return y.squeeze(2).transpose(1, 2)

    def _one_product(self, extended: Tensor, count: int) -> Tensor:
        assert self._matrix is not None
        if self.convolution.out_channels > 1:
            batch, length, inputs = extended.shape
            kernel = self.convolution.kernel_size[0]
            windows = extended.contiguous().as_strided(
                (batch, count, kernel, inputs),
                (length * inputs, self.stride * inputs, self.dilation * inputs, 1),
            )
            return self._matrix(windows.reshape(batch, count, kernel * inputs))
        assert self.stride == 1
        taps, bias = self._matrix(extended), self.convolution.bias
        y = taps.new_zeros(len(taps), count) if bias is None else bias.expand(len(taps), count)
        for tap in range(taps.shape[2]):
            first = tap * self.dilation
            y = y + taps[:, first : first + count, tap]
        return y.unsqueeze(2)


class ZeroPaddedTransposed(Layer, Packable):
    """Take `[batch, time, inputs]` to `stride` steps for each, from its own input and one beside it.

    The kernel is two strides long. The result is moved ahead by `shift` steps, 0 if it is causal.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, shift: int = 0, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        assert 0 <= shift <= stride
        self.stride = stride
        self.shift = shift
        self.ratio = Fraction(stride)
        self.look_ahead = 1 if shift else 0
        self.receptive_field = 2 + self.look_ahead
        self.convolution = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, groups=groups, bias=bias)
        self._product: PackedLinear | TwoTaps | None = None

    def pack(self, dtype: torch.dtype) -> None:
        if self.convolution.groups > 1:
            return
        # The kernel's first stride belongs to a step's own input, the second to the one before.
        inputs, outputs = self.convolution.weight.shape[:2]
        bias = _bias(self.convolution).repeat(self.stride)
        taps = self.convolution.weight.view(inputs, outputs, 2, self.stride).flip(2)  # before, own
        matrix = taps.permute(3, 1, 2, 0).reshape(-1, 2 * inputs)
        if suits_two_taps(inputs, len(matrix)):
            before, own = matrix.chunk(2, dim=1)
            self._product = TwoTaps(before, own, bias)
        else:
            self._product = PackedLinear(matrix, bias)

    def packed_parameters(self) -> Iterable[Tensor]:
        return () if self._product is None else (self.convolution.weight,)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if x.shape[1] == 0:
            return self._nothing(x), state
        first = not isinstance(state, Tensor)
        before = x.new_zeros(x.shape[0], 1, x.shape[2]) if first else state
        assert isinstance(before, Tensor)
        y = self._convolve(torch.cat((before, x), dim=1))
        return y[:, self.shift :] if first else y, x[:, -1:].clone()

    def finish(self, rest: Tensor, state: State) -> Tensor:
        y, state = self.step(rest, state)
        if self.shift == 0 or not isinstance(state, Tensor):
            return y
        tail = self._convolve(torch.cat((state, torch.zeros_like(state)), dim=1))
        return torch.cat((y, tail[:, : self.shift]), dim=1)

    def _nothing(self, x: Tensor) -> Tensor:
        return x.new_zeros(x.shape[0], 0, self.convolution.out_channels)

    def _convolve(self, extended: Tensor) -> Tensor:
        """Return a stride for each input but the first, from it and the one before."""
        batch, length, inputs = extended.shape
        if isinstance(self._product, TwoTaps):
            return self._product(extended).reshape(batch, (length - 1) * self.stride, -1)
        if self._product is not None:
            windows = extended.as_strided(
                (batch, length - 1, 2 * inputs), (length * inputs, inputs, 1)
            ).contiguous()
            return self._product(windows).view(batch, (length - 1) * self.stride, -1)
        y = F.conv_transpose1d(
            extended.transpose(1, 2),
            self.convolution.weight,
            self.convolution.bias,
            self.stride,
            groups=self.convolution.groups,
        )
        return y[:, :, self.stride : -self.stride].transpose(1, 2)


def _bias(convolution: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    if convolution.bias is None:
        return convolution.weight.detach().new_zeros(convolution.out_channels)
    return convolution.bias

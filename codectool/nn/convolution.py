"""Causal convolution and the ConvNeXt-style block, channels-last."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.linear import Packable, PackedLinear


class CausalConvolution(Layer, Packable):
    """Convolve `[batch, time, inputs]` over the present and the `kernel - 1` steps before it.

    Before its start a stream is zero. With `groups == inputs` the convolution is depthwise.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__()
        self.inputs = inputs
        self.context = kernel - 1  # past steps the state holds
        self.receptive_field = kernel
        self.convolution = nn.Conv1d(inputs, outputs, kernel, groups=groups)
        self._product: PackedLinear | None = None

    def pack(self, dtype: torch.dtype) -> None:
        if self.convolution.groups == 1 and self.convolution.bias is not None:
            weight = self.convolution.weight.transpose(1, 2).flatten(1)  # [outputs, kernel * inputs]
            self._product = PackedLinear(weight, self.convolution.bias)

    def initial_state(self, batch: int) -> State:
        return self.convolution.weight.new_zeros(batch, self.context, self.inputs)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        extended = torch.cat((state, x), dim=1)
        return self._convolve(extended), extended[:, extended.shape[1] - self.context :]

    def forward(self, x: Tensor) -> Tensor:
        return self._convolve(F.pad(x, (0, 0, self.context, 0)))

    def _convolve(self, extended: Tensor) -> Tensor:
        if extended.shape[1] == self.context:  # no new steps, and torch refuses an empty output
            empty: Tensor = extended.new_zeros(extended.shape[0], 0, self.convolution.out_channels)
            return empty
        if self._product is not None:
            windows = extended.unfold(1, self.context + 1, 1).transpose(2, 3)
            return self._product(windows.flatten(2))
        if torch.compiler.is_exporting() and self.convolution.groups == self.inputs:
            return self._weighted_sum(extended)
        # As a picture one pixel high, channels-last memory is a layout torch convolves without a copy.
        picture = extended.transpose(1, 2).unsqueeze(2)
        weight = self.convolution.weight.unsqueeze(2)
        y: Tensor = F.conv2d(picture, weight, self.convolution.bias, groups=self.convolution.groups)
        return y.squeeze(2).transpose(1, 2)

    def _weighted_sum(self, extended: Tensor) -> Tensor:
        """Convolve depthwise without turning channels and time about, which costs more than the sums."""
        steps, kernel = extended.shape[1] - self.context, self.context + 1
        numbers = torch.arange(steps)[:, None] + torch.arange(kernel)
        windows = extended.index_select(1, numbers.flatten())
        windows = windows.reshape(extended.shape[0], steps, kernel, self.inputs)
        y: Tensor = (windows * self.convolution.weight.squeeze(1).T).sum(dim=2)
        return y if self.convolution.bias is None else y + self.convolution.bias


class ConvNeXtBlock(Layer, Packable):
    """Depthwise causal convolution, layer norm, two pointwise products with GELU between, added to the input.

    Of a packed block the two products have the type it was packed for, and all else is float32: rounding them
    to bfloat16 is like noise on what is added, while the sum of all blocks stays exact.

    Source: Liu et al., A ConvNet for the 2020s (arXiv 2201.03545), as used over frames by Siuzdak, Vocos
    (arXiv 2306.00814).
    """

    def __init__(
        self, width: int, kernel: int, expansion: int, initial_scale: float, norm_floor: float = 1e-5
    ) -> None:
        super().__init__()
        self.receptive_field = kernel
        self.depthwise = CausalConvolution(width, width, kernel, groups=width)
        self.norm = nn.LayerNorm(width, eps=norm_floor)
        self.expand = nn.Linear(width, width * expansion)
        self.project = nn.Linear(width * expansion, width)
        self.scale = nn.Parameter(torch.full((width,), initial_scale))
        self._products: tuple[PackedLinear, PackedLinear] | None = None

    def pack(self, dtype: torch.dtype) -> None:
        self._products = (
            PackedLinear(self.expand.weight, self.expand.bias, dtype, gelu=True),
            PackedLinear(self.scale[:, None] * self.project.weight, self.scale * self.project.bias, dtype),
        )

    def initial_state(self, batch: int) -> State:
        return self.depthwise.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.depthwise.step(x, state)
        return x + self._mix(y), state

    def forward(self, x: Tensor) -> Tensor:
        return x + self._mix(self.depthwise(x))

    def _mix(self, y: Tensor) -> Tensor:
        if self._products is not None:
            expand, project = self._products
            return project(expand(self.norm(y)))
        mixed: Tensor = self.scale * self.project(F.gelu(self.expand(self.norm(y))))
        return mixed


class Pointwise(Layer, Packable):
    """Apply any module that treats each time step alone, such as a linear map or a norm."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self._product: PackedLinear | None = None

    def pack(self, dtype: torch.dtype) -> None:
        if isinstance(self.module, nn.Linear):
            self._product = PackedLinear(self.module.weight, self.module.bias)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.forward(x), state

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.module(x) if self._product is None else self._product(x)
        return y

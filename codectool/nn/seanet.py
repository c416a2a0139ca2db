"""SEANet's residual block.

Source: Défossez et al., High Fidelity Neural Audio Compression (arXiv 2210.13438), section 3.1, and the
published code, package `encodec`, modules/seanet.py.
"""

from __future__ import annotations

from torch import Tensor

from codectool.nn.elu import elu
from codectool.nn.layer import Layer, State
from codectool.nn.seanet_convolution import ReflectedConvolution

RESIDUAL_KERNEL = 3


class ResidualBlock(Layer):
    """Two convolutions with ELU before each, at half the width between, added to the input.

    The input is added as it is with `identity_skip`, else through a pointwise convolution of its own.
    """

    def __init__(
        self, width: int, identity_skip: bool = False, causal: bool = True, group_norm: bool = False
    ) -> None:
        super().__init__()
        options = {"causal": causal, "group_norm": group_norm}
        self.narrow = ReflectedConvolution(width, width // 2, RESIDUAL_KERNEL, **options)
        self.wide = ReflectedConvolution(width // 2, width, 1, **options)
        self.skip = None if identity_skip else ReflectedConvolution(width, width, 1, **options)
        self.receptive_field = self.narrow.receptive_field
        self.first_push = self.narrow.first_push

    def initial_state(self, batch: int) -> State:
        return self.narrow.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.narrow.step(elu(x), state)
        return self._widened(x, y), state

    def finish(self, rest: Tensor, state: State) -> Tensor:
        return self._widened(rest, self.narrow.finish(elu(rest), state))

    def _widened(self, x: Tensor, y: Tensor) -> Tensor:
        # Kernels of one step have no state, and treat a piece of a signal as a whole one.
        wide: Tensor = self.wide(elu(y, in_place=True))
        return wide.add_(x if self.skip is None else self.skip(x))

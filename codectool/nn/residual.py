"""What layers give, added to their input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from codectool.nn.layer import Chain, Layer, State


class Residual(Layer):
    """Add to each step what a chain of layers of ratio 1 makes of it, which may look ahead."""

    def __init__(self, parts: Sequence[Layer]) -> None:
        super().__init__()
        self.inner = Chain(parts)
        assert self.inner.ratio == self.inner.hop == 1
        self.look_ahead = self.inner.look_ahead
        self.receptive_field = self.inner.receptive_field

    def initial_state(self, batch: int) -> State:
        return self.inner.initial_state(batch), ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        inner_state, waiting = state
        y, inner_state = self.inner.step(x, inner_state)
        x = _joined(waiting, x)
        return y + x[:, : y.shape[1]], (inner_state, x[:, y.shape[1] :].clone())

    def finish(self, rest: Tensor, state: State) -> Tensor:
        inner_state, waiting = state
        return self.inner.finish(rest, inner_state) + _joined(waiting, rest)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        return y + x


def _joined(waiting: State, x: Tensor) -> Tensor:
    if isinstance(waiting, Tensor) and waiting.shape[1]:
        return torch.cat((waiting, x), dim=1)
    return x

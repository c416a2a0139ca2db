"""Whole hops of samples, and several steps in one; channels-last."""

from __future__ import annotations

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.layer import Layer, State


class WholeHops(Layer):
    """Pass `[batch, samples, channels]` on, with zeros behind its end up to a multiple of some hops."""

    def __init__(self, hop: int, hops: int = 1) -> None:
        super().__init__()
        self.hop = hop
        self.whole = hop * hops

    def initial_state(self, batch: int) -> State:
        return torch.zeros(1, dtype=torch.int64)  # samples since the last multiple

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        return x, (state + x.shape[1]) % self.whole

    def finish(self, rest: Tensor, state: State) -> Tensor:
        assert isinstance(state, Tensor)
        return F.pad(rest, (0, 0, 0, -(int(state) + rest.shape[1]) % self.whole))


class Fold(Layer):
    """Put every `count` steps into one, as wide as all of them; a last part of one is left out."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.ratio = Fraction(1, count)
        self.receptive_field = count

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if isinstance(state, Tensor):
            x = torch.cat((state, x), dim=1)
        whole = x.shape[1] // self.count * self.count
        folded = x[:, :whole].reshape(len(x), whole // self.count, self.count * x.shape[2])
        return folded, x[:, whole:].clone() if x.shape[1] else state


class Unfold(Layer):
    """Take every step apart into `count`."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.ratio = Fraction(count)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x.reshape(len(x), x.shape[1] * self.count, x.shape[2] // self.count), state

"""Whole hops of samples, and several steps in one; channels-last."""

from __future__ import annotations

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.layer import Layer, State


class WholeHops(Layer):
    """Pass `[batch, samples, channels]` on, with zeros behind its end that make the last hop whole."""

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state

    def finish(self, rest: Tensor, state: State) -> Tensor:
        return F.pad(rest, (0, 0, 0, -rest.shape[1] % self.hop))


class FilledUp(Layer):
    """Run a network over a signal that is filled up with zeros to a multiple of some of the network's hops.

    One output step comes for every hop and for a last part of one, and none for zeros alone.
    """

    def __init__(self, inner: Layer, hop: int, hops: int) -> None:
        super().__init__()
        assert inner.ratio == Fraction(1, hop)
        self.inner = inner
        self.hop = hop
        self.whole = hop * hops
        self.ratio = inner.ratio
        self.look_ahead = inner.look_ahead
        self.receptive_field = inner.receptive_field

    def initial_state(self, batch: int) -> State:
        return torch.zeros(2, dtype=torch.int64), self.inner.initial_state(batch)  # samples and steps so far

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        counts, inner_state = state
        y, inner_state = self.inner.step(x, inner_state)
        assert isinstance(counts, Tensor)
        return y, (counts + torch.tensor([x.shape[1], y.shape[1]]), inner_state)

    def finish(self, rest: Tensor, state: State) -> Tensor:
        counts, inner_state = state
        assert isinstance(counts, Tensor)
        samples, given = counts.tolist()
        samples += rest.shape[1]
        filled = F.pad(rest, (0, 0, 0, -samples % self.whole))
        y = self.inner.finish(filled, inner_state)
        return y[:, : -(-samples // self.hop) - given]


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

"""The streaming contract every layer and model keeps, and the chain that composes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias, Union

import torch
from torch import Tensor, nn

State: TypeAlias = Union[Tensor, tuple["State", ...]]  # noqa: UP007 (a recursive alias needs Union on 3.10)


class Layer(nn.Module):
    """One part of a stream: it takes a block and its own state and gives a block and its next state.

    A layer is read-only after loading; all that changes is the state, a value. For every way of cutting `x`,
    the outputs of the steps followed by that of `finish` equal `forward(x)`.

    Attributes:
        hop: input steps a push must be a whole multiple of.
        ratio: output steps per input step.
        latency: output steps that come before the one belonging to the first input.
        receptive_field: input steps one output step depends on, or None if unbounded.
    """

    hop: int = 1
    ratio: Fraction = Fraction(1)
    latency: int = 0
    receptive_field: int | None = 1

    def initial_state(self, batch: int) -> State:
        """Return the state of a stream that has seen nothing; `batch` streams run side by side."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take `[batch, whole hops (0 allowed), channels]`; return the output and the next state."""
        raise NotImplementedError

    def finish(self, rest: Tensor, state: State) -> Tensor:
        """End a stream with the `rest` that is shorter than a hop; return its last output."""
        return self.step(rest, state)[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for a whole signal `[batch, time, channels]`."""
        whole = x.shape[1] // self.hop * self.hop
        y, state = self.step(x[:, :whole], self.initial_state(x.shape[0]))
        return torch.cat((y, self.finish(x[:, whole:], state)), dim=1)


class Chain(Layer):
    """Layers one after the other, itself a layer; its hop, ratio, latency and reach follow from its parts.

    The chain's hop is the smallest with which every part gets whole hops of its own.
    """

    def __init__(self, parts: Sequence[Layer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.hop = 1
        ratio, latency = Fraction(1), Fraction(0)
        reach: Fraction | None = Fraction(1)
        for part in parts:
            steps = int(self.hop * ratio)  # a chain's hop makes this many steps for this part
            self.hop *= part.hop // math.gcd(steps, part.hop)
            if reach is not None:
                # (steps beyond the first) are counted in the chain's own input steps
                reach = None if part.receptive_field is None else reach + (part.receptive_field - 1) / ratio
            ratio *= part.ratio
            latency = latency * part.ratio + part.latency
        self.ratio = ratio
        self.latency = int(latency)
        self.receptive_field = None if reach is None else -int(-reach // 1)

    def __iter__(self):  # type: ignore[no-untyped-def]  # nn.ModuleList yields plain modules
        return iter(self.parts)

    def initial_state(self, batch: int) -> State:
        return tuple(part.initial_state(batch) for part in self)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        states = []
        for part, part_state in zip(self, state, strict=True):
            x, part_state = part.step(x, part_state)
            states.append(part_state)
        return x, tuple(states)

    def finish(self, rest: Tensor, state: State) -> Tensor:
        x = rest
        for part, part_state in zip(self, state, strict=True):
            whole = x.shape[1] // part.hop * part.hop
            y, part_state = part.step(x[:, :whole], part_state)
            x = torch.cat((y, part.finish(x[:, whole:], part_state)), dim=1)
        return x

    def forward(self, x: Tensor) -> Tensor:
        for part in self:
            x = part(x)
        return x

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
        look_ahead: input steps beyond its own that an output step depends on. Steps hold outputs back until
            no later input can change them, so there are fewer at first; `finish` gives the rest.
        receptive_field: input steps one output step depends on, or None if unbounded.
        first_push: the fewest input steps a stream begins with, whole hops; a shorter one is only finished.
    """

    hop: int = 1
    ratio: Fraction = Fraction(1)
    latency: int = 0
    look_ahead: int = 0
    receptive_field: int | None = 1
    first_push: int = 0

    def initial_state(self, batch: int) -> State:
        """Return the state of a stream that has seen nothing; `batch` streams run side by side."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take `[batch, whole hops (0 allowed), channels]`; return the output and the next state.

        The first steps that are not empty are at least `first_push`.
        """
        raise NotImplementedError

    def finish(self, rest: Tensor, state: State) -> Tensor:
        """End a stream with the `rest` of it, of any length; return its last output."""
        return self.step(rest, state)[0]

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for a whole signal `[batch, time, channels]`."""
        return self.finish(x, self.initial_state(x.shape[0]))


class Chain(Layer):
    """Layers one after the other, itself a layer; all that it declares follows from its parts.

    The chain's hop is the smallest with which every part gets whole hops of its own. A step longer than
    `piece` input steps, whole hops, goes through the parts in pieces, which bounds the memory that it takes.
    """

    def __init__(self, parts: Sequence[Layer], piece: int | None = None) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.hop = 1
        ratio, latency, first, ahead = Fraction(1), Fraction(0), Fraction(0), Fraction(0)
        reach: Fraction | None = Fraction(1)
        for part in parts:
            steps = int(self.hop * ratio)  # a chain's hop makes this many steps for this part
            self.hop *= part.hop // math.gcd(steps, part.hop)
            if reach is not None:
                # (steps beyond the first) are counted in the chain's own input steps
                reach = None if part.receptive_field is None else reach + (part.receptive_field - 1) / ratio
            first = max(first, part.first_push / ratio)
            ahead += part.look_ahead / ratio
            ratio *= part.ratio
            latency = latency * part.ratio + part.latency
        self.ratio = ratio
        self.latency = int(latency)
        self.look_ahead = math.ceil(ahead)
        self.receptive_field = None if reach is None else math.ceil(reach)
        self.first_push = math.ceil(first / self.hop) * self.hop
        self.piece = piece
        assert piece is None or (piece % self.hop == 0 and piece >= max(1, self.first_push))

    def __iter__(self):  # type: ignore[no-untyped-def]  # nn.ModuleList yields plain modules
        return iter(self.parts)

    def initial_state(self, batch: int) -> State:
        return tuple(part.initial_state(batch) for part in self)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.piece is None or x.shape[1] <= self.piece:
            return self._step(x, state)
        outputs = []
        for piece in torch.split(x, self.piece, dim=1):
            y, state = self._step(piece, state)
            outputs.append(y)
        return torch.cat(outputs, dim=1), state

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        states = []
        for part, part_state in zip(self, state, strict=True):
            x, part_state = part.step(x, part_state)
            states.append(part_state)
        return x, tuple(states)

    def finish(self, rest: Tensor, state: State) -> Tensor:
        outputs = []
        if self.piece is not None and rest.shape[1] > self.piece:
            whole = rest.shape[1] // self.piece * self.piece
            y, state = self.step(rest[:, :whole], state)
            outputs, rest = [y], rest[:, whole:]
        for part, part_state in zip(self, state, strict=True):
            rest = part.finish(rest, part_state)
        return torch.cat((*outputs, rest), dim=1) if outputs else rest

    def forward(self, x: Tensor) -> Tensor:
        for part in self:
            x = part(x)
        return x


class Fork(Layer):
    """Layers side by side over the same input, their outputs one after the other along the channels.

    They have the same ratio, latency and look-ahead, or what they give would not belong together.
    """

    def __init__(self, parts: Sequence[Layer]) -> None:
        super().__init__()
        if len({(part.ratio, part.latency, part.look_ahead) for part in parts}) != 1:
            raise ValueError("layers side by side need the same ratio, latency and look-ahead")
        self.parts = nn.ModuleList(parts)
        self.hop = math.lcm(*(part.hop for part in parts))
        self.ratio, self.latency, self.look_ahead = parts[0].ratio, parts[0].latency, parts[0].look_ahead
        fields = [part.receptive_field for part in parts]
        bounded = [field for field in fields if field is not None]
        self.receptive_field = max(bounded) if len(bounded) == len(fields) else None
        self.first_push = math.ceil(max(part.first_push for part in parts) / self.hop) * self.hop

    def __iter__(self):  # type: ignore[no-untyped-def]  # nn.ModuleList yields plain modules
        return iter(self.parts)

    def initial_state(self, batch: int) -> State:
        return tuple(part.initial_state(batch) for part in self)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        outputs, states = zip(
            *(part.step(x, own) for part, own in zip(self, state, strict=True)), strict=True
        )
        return torch.cat(outputs, dim=-1), states

    def finish(self, rest: Tensor, state: State) -> Tensor:
        return torch.cat([part.finish(rest, own) for part, own in zip(self, state, strict=True)], dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self], dim=-1)

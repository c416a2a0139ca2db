"""Segments that overlap, faded into each other.

Source: the published code of EnCodec, package `encodec`, utils.py, which uses it for its 48 kHz model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.layer import State


class OverlapAdd:
    """Joins segments `[batch, time, channels]`, each beginning `stride` steps after the one before.

    Where several cover a step it is their mean, weighted by a triangle over the first segment's length. None
    is longer than the first; as with layers the state is a value.
    """

    def __init__(self, stride: int) -> None:
        self.stride = stride

    def initial_state(self) -> State:
        """Return the state before the first segment."""
        return ()

    def step(self, segment: Tensor, state: State) -> tuple[Tensor, State]:
        """Take the next segment; return what no later one covers, and the next state."""
        length = segment.shape[1]
        if not state:
            state = (_triangle(length).to(segment), segment[:, :0], segment.new_zeros(0))
        triangle, held, held_weight = state
        assert isinstance(triangle, Tensor)
        assert isinstance(held, Tensor)
        assert isinstance(held_weight, Tensor)
        weight = triangle[:length]
        total = _sum(held, segment * weight[:, None], dim=1)
        total_weight = _sum(held_weight, weight, dim=0)
        ready = total[:, : self.stride] / total_weight[: self.stride, None]
        return ready, (triangle, total[:, self.stride :], total_weight[self.stride :])

    def finish(self, state: State) -> Tensor | None:
        """Return what is left after the last segment; None if there was none."""
        if not state:
            return None
        _, held, held_weight = state
        assert isinstance(held, Tensor)
        assert isinstance(held_weight, Tensor)
        return held / held_weight[:, None]


def _triangle(length: int) -> Tensor:
    inner = torch.linspace(0, 1, length + 2)[1:-1]
    return 0.5 - (inner - 0.5).abs()


def _sum(held: Tensor, new: Tensor, dim: int) -> Tensor:
    """Add two signals that begin together, the shorter followed by zeros, along `dim`."""
    length = max(held.shape[dim], new.shape[dim])
    others = (0, 0) * (held.ndim - 1 - dim)  # torch counts dimensions from the last
    held, new = (F.pad(part, (*others, 0, length - part.shape[dim])) for part in (held, new))
    return held + new

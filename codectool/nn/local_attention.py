"""Attention within windows that do not overlap.

Source: the published code of SNAC, package `snac`, attention.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.transformer import rotated, rotations

HEAD_DIM = 64


class LocalAttention(Layer):
    """Add to each step what it attends to in its window of `[batch, time, width]`.

    Windows are counted from the stream's start, so a stream can begin nowhere else: its reach is unbounded.
    A last window may be shorter.
    """

    receptive_field = None

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.look_ahead = window - 1
        self.heads = width // HEAD_DIM
        self.norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if isinstance(state, Tensor):
            x = torch.cat((state, x), dim=1)
        elif x.shape[1] == 0:
            return x, state
        whole = x.shape[1] // self.window * self.window
        return self._attend(x[:, :whole], self.window), x[:, whole:].clone()

    def finish(self, rest: Tensor, state: State) -> Tensor:
        y, left = self.step(rest, state)
        if not isinstance(left, Tensor) or left.shape[1] == 0:
            return y
        return torch.cat((y, self._attend(left, left.shape[1])), dim=1)

    def _attend(self, x: Tensor, window: int) -> Tensor:
        """Take whole windows."""
        batch, length, width = x.shape
        if length == 0:
            return x
        split = self.queries_keys_values(self.norm(x)).view(-1, window, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        turn = rotations(torch.arange(window, device=x.device), width // self.heads)
        y = F.scaled_dot_product_attention(rotated(queries, turn), rotated(keys, turn), values)
        added: Tensor = self.out(y.transpose(1, 2).reshape(batch, length, width))
        return x + added

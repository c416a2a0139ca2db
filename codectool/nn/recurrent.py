"""An LSTM as a layer, added to its input.

Source: the published code of EnCodec, package `encodec`, modules/lstm.py.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.linear import Packable, has_operators

LSTM_MODE = 2  # what torch calls an LSTM among its recurrent networks


class ResidualLSTM(Layer, Packable):
    """Layers of LSTM over `[batch, time, width]`, added to their input."""

    receptive_field = None

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self._dtype = torch.float32
        self._packed: list[list[Tensor]] = []  # of each layer: two matrices, two biases

    def pack(self, dtype: torch.dtype) -> None:
        if not has_lstm_operator(dtype):  # a processor may have products in bfloat16, but no LSTM
            dtype = torch.float32
        if has_lstm_operator(dtype):
            self._dtype = dtype
            self._packed = [packed_layer(dtype, *tensors) for tensors in self.lstm.all_weights]

    def initial_state(self, batch: int) -> State:
        weight = self.lstm.all_weights[0][0]
        zeros = weight.new_zeros(self.lstm.num_layers, batch, self.lstm.hidden_size, dtype=self._dtype)
        return zeros, zeros

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if x.shape[1] == 0:
            return x, state
        x = x.to(self._dtype)
        y, state = self._packed_lstm(x, state) if self._packed else self.lstm(x, state)
        return y + x, state

    def _packed_lstm(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Compute what `nn.LSTM` does, by the operator that it uses too."""
        y, (hidden, cell), ends = x.transpose(0, 1).contiguous(), state, []
        for tensors, *start in zip(self._packed, hidden, cell, strict=True):
            y, *end = run_layer(y, tensors, start)
            ends.append(end)
        return y.transpose(0, 1), tuple(torch.stack(part) for part in zip(*ends, strict=True))


def packed_layer(dtype: torch.dtype, *tensors: Tensor) -> list[Tensor]:
    """Lay a layer's matrices out, which torch would otherwise do in every step: two of those, two biases."""
    input_matrix, state_matrix, *biases = (tensor.detach().to(dtype) for tensor in tensors)
    width = state_matrix.shape[1]
    matrices = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
        input_matrix, state_matrix, width, False, True, False
    )
    return [*matrices, *biases]


def run_layer(x: Tensor, tensors: list[Tensor], start: list[Tensor]) -> tuple[Tensor, ...]:
    """Run a layer over `[time, batch, width]` from a hidden and a cell state; return the same three."""
    # forwards, no lengths, mode, width, one layer, with biases, one direction, time first, no training
    options: list[Any] = [False, [], LSTM_MODE, start[0].shape[-1], 1, True, False, False, False]
    y, hidden, cell, _ = torch.ops.aten.mkldnn_rnn_layer(x, *tensors, *start, *options)
    return y, hidden, cell


@lru_cache
def has_lstm_operator(dtype: torch.dtype) -> bool:
    """Return whether oneDNN's LSTM is here and right, by trying a small one: it is private to torch."""
    if not has_operators():
        return False
    width, steps = 8, 3
    lstm = nn.LSTM(width, width)
    numbers = torch.linspace(-0.5, 0.5, 4 * width * width).reshape(4 * width, width)
    tensors = [numbers, numbers.flip(0), numbers[:, 0], numbers[:, 1]]
    x, zeros = numbers[:steps, None], [torch.zeros(1, width)] * 2
    try:
        with torch.no_grad():
            for parameter, tensor in zip(lstm.parameters(), tensors, strict=True):
                parameter.copy_(tensor)
            start = [zero.to(dtype) for zero in zeros]
            y, *_ = run_layer(x.to(dtype), packed_layer(dtype, *tensors), start)
            return torch.allclose(y.float(), lstm(x)[0], atol=1e-5 if dtype == torch.float32 else 2e-2)
    except Exception:  # gone, or other arguments: nn.LSTM is as right
        return False

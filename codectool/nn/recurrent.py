"""An LSTM as a layer, added to its input.

Source: the published code of EnCodec, package `encodec`, modules/lstm.py.
"""

from __future__ import annotations

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
        if not has_operators():
            return
        self._dtype = dtype
        try:
            self._packed = [self._packed_layer(*tensors) for tensors in self.lstm.all_weights]
        except RuntimeError:  # a processor without units for bfloat16 has products in it, but no LSTM
            if dtype == torch.float32:
                raise
            self.pack(torch.float32)

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

    def _packed_layer(self, *tensors: Tensor) -> list[Tensor]:
        """Lay a layer's matrices out, which torch would otherwise do in every step."""
        input_matrix, state_matrix, *biases = (tensor.detach().to(self._dtype) for tensor in tensors)
        matrices = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
            input_matrix, state_matrix, self.lstm.hidden_size, False, True, False
        )
        return [*matrices, *biases]

    def _packed_lstm(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Compute what `nn.LSTM` does, by the operator that it uses too."""
        y, (hidden, cell), ends = x.transpose(0, 1).contiguous(), state, []
        # forwards, no lengths, mode, width, one layer, with biases, one direction, time first, no training
        options: list[Any] = [False, [], LSTM_MODE, self.lstm.hidden_size, 1, True, False, False, False]
        for tensors, *start in zip(self._packed, hidden, cell, strict=True):
            y, *end, _ = torch.ops.aten.mkldnn_rnn_layer(y, *tensors, *start, *options)
            ends.append(end)
        return y.transpose(0, 1), tuple(torch.stack(part) for part in zip(*ends, strict=True))

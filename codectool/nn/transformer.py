"""A causal transformer whose attention reaches a bounded number of steps back.

Source: Vaswani et al., Attention Is All You Need (arXiv 1706.03762); rotary positions: Su et al., RoFormer
(arXiv 2104.09864); scaled residuals: Touvron et al., Going deeper with Image Transformers (arXiv 2103.17239).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.layer import Layer, State
from codectool.nn.linear import Packable, PackedLinear

NORM_FLOOR = 1e-5  # added to variances
LONGEST_PERIOD = 10_000.0  # of the rotations, in steps over 2 pi


class TransformerBlock(Layer, Packable):
    """Attention over the present and the `window - 1` steps before it, then two products, each added.

    What is added is scaled channel by channel. Rotations are relative to the oldest step in reach, so streams
    of any length are as exact as short ones. A `gated` block has the form of Llama's: RMS norms, and between
    the products SiLU of one half times the other half, where else there are layer norms and GELU.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        expanded: int,
        window: int,
        head_dim: int | None = None,
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = head_dim or width // heads
        self.window = window
        self.gated = gated
        self.receptive_field = window
        norm = nn.RMSNorm if gated else nn.LayerNorm
        inner = heads * self.head_dim
        self.attention_norm = norm(width, eps=NORM_FLOOR)
        self.queries_keys_values = nn.Linear(width, 3 * inner, bias=False)
        self.attention_out = nn.Linear(inner, width, bias=False)
        self.attention_scale = nn.Parameter(torch.ones(width))
        self.norm = norm(width, eps=NORM_FLOOR)
        self.expand = nn.Linear(width, 2 * expanded if gated else expanded, bias=False)
        self.project = nn.Linear(expanded, width, bias=False)
        self.scale = nn.Parameter(torch.ones(width))
        self._packed: dict[str, PackedLinear] = {}

    def pack(self, dtype: torch.dtype) -> None:
        matrices = {
            "queries_keys_values": self.queries_keys_values.weight,
            "attention_out": self.attention_scale[:, None] * self.attention_out.weight,
            "expand": self.expand.weight,
            "project": self.scale[:, None] * self.project.weight,
        }
        self._packed = {
            name: PackedLinear(
                matrix, matrix.new_zeros(len(matrix)), gelu=name == "expand" and not self.gated
            )
            for name, matrix in matrices.items()
        }

    def packed_parameters(self) -> Iterable[Tensor]:
        matrices = self.queries_keys_values, self.attention_out, self.expand, self.project
        return [matrix.weight for matrix in matrices]

    def initial_state(self, batch: int) -> State:
        nothing = self.scale.new_zeros(batch, self.heads, 0, self.head_dim)
        return nothing, nothing

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        blocks = []
        for block in torch.split(x, self.window, dim=1) if x.shape[1] else ():
            attended, state = self._attend(self.attention_norm(block), state)
            block = block + attended
            blocks.append(block + self._mixed(self.norm(block)))
        return torch.cat(blocks, dim=1) if blocks else x, state

    def _attend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take at most `window` steps; return what attention adds to them, and the next state."""
        batch, length, _ = x.shape
        product = self._packed.get("queries_keys_values", self.queries_keys_values)
        split = product(x).view(batch, length, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        queries, *new = split.unbind(0)
        keys, values = (torch.cat((old, part), dim=2) for old, part in zip(state, new, strict=True))
        reach, place = keys.shape[2], torch.arange(keys.shape[2], device=x.device)
        turn = rotations(place, self.head_dim)
        distance = place[-length:, None] - place
        y = F.scaled_dot_product_attention(
            rotated(queries, turn[:, -length:]),
            rotated(keys, turn),
            values,
            attn_mask=(distance >= 0) & (distance < self.window),
        )
        y = y.transpose(1, 2).reshape(batch, length, self.heads * self.head_dim)
        kept = max(0, reach - self.window + 1)
        return self._attended(y), (keys[:, :, kept:].clone(), values[:, :, kept:].clone())

    def _attended(self, y: Tensor) -> Tensor:
        if self._packed:
            return self._packed["attention_out"](y)
        scaled: Tensor = self.attention_scale * self.attention_out(y)
        return scaled

    def _mixed(self, y: Tensor) -> Tensor:
        if self._packed:
            expanded = self._packed["expand"](y)
            return self._packed["project"](_gated(expanded) if self.gated else expanded)
        expanded = self.expand(y)
        scaled: Tensor = self.scale * self.project(_gated(expanded) if self.gated else F.gelu(expanded))
        return scaled


def _gated(expanded: Tensor) -> Tensor:
    gate, value = expanded.chunk(2, dim=-1)
    return F.silu(gate) * value


def rotations(place: Tensor, dim: int) -> Tensor:
    """Return cosines, then sines `[2, places, dim / 2]` of the angles that heads of `dim` turn by."""
    rates = LONGEST_PERIOD ** (-torch.arange(0, dim, 2, device=place.device) / dim)
    angles = place[:, None] * rates
    return torch.stack((angles.cos(), angles.sin()))


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """Turn `[..., places, dim]`: channel i of the first half together with channel i of the second."""
    cosines, sines = turn
    real, imaginary = x.chunk(2, dim=-1)
    return torch.cat((real * cosines - imaginary * sines, real * sines + imaginary * cosines), dim=-1)

"""EnCodec's language model: how likely each code is after those before it, exactly as EnCodec computes it.

A bound that is off by one breaks a stream. So every torch operation here is the reference's, in its order, on
tensors of its shapes, one frame a step, although much is computed again and again. Sums differ with the
number of threads. The caller chooses that number: one, unless a file came from elsewhere.

Source: arXiv 2210.13438, section 3.3, and the reference's model.py, modules/transformer.py and
quantization/ac.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from codectool.engines.torch_engine import on_threads
from codectool.errors import WeightsError
from codectool.models.checkpoints import check_weights, differences, read_checkpoint
from codectool.models.registry import ModelEntry

WIDTH = 200
LAYERS = 5
HEADS = 8
EXPANSION = 4
PAST_S = 3.5
LONGEST_PERIOD = 10_000  # of the position's sines and cosines, in steps of 2 pi frames
RANGE_BITS = 24  # the arithmetic coder's: what the probabilities of all codes add up to
SMALLEST_RANGE = 2  # each code gets this much at least
PROBABILITY_STEP = 1e-8  # probabilities are rounded down to multiples of it


@dataclass(frozen=True)
class State:
    """What is kept from frame to frame: the past inputs `[1, frames, width]` of each layer, and the time."""

    pasts: tuple[Tensor, ...]
    frame: int


class Attention(nn.Module):
    """One transformer layer: attention to the past and two linear layers, each normalized afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.linear1 = nn.Linear(WIDTH, EXPANSION * WIDTH)
        self.linear2 = nn.Linear(EXPANSION * WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        """Return `[1, 1, width]` of a frame `[1, 1, width]` and the inputs before it `[1, frames, width]`."""
        seen = torch.cat([past, x], dim=1)
        # Nothing is hidden from one frame, but a mask decides which of its kernels torch takes.
        hidden = torch.zeros(1, seen.shape[1], dtype=torch.bool, device=x.device)
        x = self.norm1(x + self.self_attn(x, seen, seen, attn_mask=hidden, need_weights=False)[0])
        y: Tensor = self.norm2(x + self.linear2(F.gelu(self.linear1(x))))
        return y


class Transformer(nn.Module):
    """All layers, and the embedding of the position, which is added before the first."""

    def __init__(self, past_frames: int) -> None:
        super().__init__()
        self.past_frames = past_frames
        self.norm_in = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Attention() for _ in range(LAYERS))

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Take a frame `[1, 1, width]` and the state; return the frame `[1, 1, width]` and the next state.

        A state of None begins a stream, whose past is one frame of zeros.
        """
        if state is None:
            state = State((torch.zeros_like(x),) * LAYERS, 0)
        x = self.norm_in(x)
        x = x + _position(state.frame)
        pasts = []
        for layer, past in zip(self.layers, state.pasts, strict=True):
            pasts.append(torch.cat([past, x], dim=1)[:, -self.past_frames :, :])
            x = layer(x, past)
        return x, State(tuple(pasts), state.frame + 1)


class LanguageModel(nn.Module):
    """Predicts the codes of a frame, all levels at once, from those of the frames before it.

    Its parts have the names of the official files. It computes on `threads` threads.
    """

    def __init__(self, levels: int, codebook_size: int, past_frames: int, threads: int = 1) -> None:
        super().__init__()
        self.threads = threads
        self.transformer = Transformer(past_frames)
        self.emb = nn.ModuleList(nn.Embedding(codebook_size + 1, WIDTH) for _ in range(levels))
        self.linears = nn.ModuleList(nn.Linear(WIDTH, codebook_size) for _ in range(levels))

    def forward(self, indices: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return probabilities `[codebook_size, levels]` and the next state.

        `indices` are `[levels]` codes plus 1, with 0 for none.
        """
        x = sum(self.emb[level](index.view(1, 1)) for level, index in enumerate(indices))
        out, state = self.transformer(x, state)
        logits = torch.stack([self.linears[level](out) for level in range(len(indices))], dim=1)
        return torch.softmax(logits.permute(0, 3, 1, 2), dim=1)[0, :, :, 0], state

    def step(
        self, frame: NDArray[np.uint16] | None, levels: int, state: State | None
    ) -> tuple[NDArray[np.int64], State]:
        """Return the bounds `[levels, codes]` of the next frame, and the next state.

        `frame` is the codes `[levels]` of the frame before, None at the start. The range of a code, in units
        of 2 ** -24, goes from the bound before its own to its own.
        """
        indices = np.zeros(levels, np.int64) if frame is None else frame.astype(np.int64) + 1
        with on_threads(self.threads), torch.no_grad():
            probabilities, state = self(torch.from_numpy(indices), state)
            return _bounds(probabilities).T.contiguous().numpy(), state


def load_language_model(entry: ModelEntry, path: Path, threads: int = 1) -> LanguageModel:
    """Return the language model of an entry's codes; WeightsError if the file does not hold it."""
    past_frames = int(PAST_S * entry.frame_rate_hz)
    with torch.device("meta"):
        model = LanguageModel(entry.levels, entry.codebook_size, past_frames, threads)
    tensors, _ = read_checkpoint(path)
    wrong = differences(model.state_dict(), tensors)
    if wrong:
        raise WeightsError(
            f"{path}: not the language model of {entry.name}: {len(wrong)} tensors differ, the first is "
            f"{wrong[0]}"
        )
    check_weights(tensors, path)
    # Copied to where torch puts tensors: sums also depend on how they are aligned in memory.
    model.to_empty(device="cpu").load_state_dict(tensors)
    return model.eval().requires_grad_(False)


def _position(frame: int) -> Tensor:
    """Return `[1, 1, width]` cosines, then sines, of ever longer periods."""
    half = WIDTH // 2
    exponents = torch.arange(half).view(1, 1, -1)
    time = torch.arange(1).view(1, -1, 1) + frame
    phase = time / (LONGEST_PERIOD ** (exponents / (half - 1)))
    return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)


def _bounds(probabilities: Tensor) -> Tensor:
    """Return where the codes' ranges end, one after the other along the first dimension."""
    probabilities = (probabilities / PROBABILITY_STEP).floor() * PROBABILITY_STEP
    total = 2**RANGE_BITS
    shared = (1 - SMALLEST_RANGE * len(probabilities) / total) * total
    ranges = (shared * probabilities).floor().long() + SMALLEST_RANGE
    return torch.cumsum(ranges, dim=0)

"""Random weights with which two implementations of a codec can be told apart; test-only.

As constructed, most networks let their signal die away, and codebooks are zero. Here every matrix keeps the
size of what goes through it, and codebooks are drawn from latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def fill(network: nn.Module, gain: float = 1.0) -> None:
    """Draw all matrices and kernels anew, with outputs as large as inputs, and biases that matter."""
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Conv1d | nn.Linear):
            nn.init.normal_(weight, std=gain * (weight[0].numel()) ** -0.5)
        elif isinstance(module, nn.ConvTranspose1d):  # each output sums two taps of every input
            inputs = weight.shape[0] // module.groups
            nn.init.normal_(weight, std=gain * (inputs * weight.shape[2] / module.stride[0]) ** -0.5)
        if isinstance(module, nn.Conv1d | nn.Linear | nn.ConvTranspose1d) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.1)


def draw_codebooks(latents: Tensor, sizes: Sequence[int], shrink: float = 0.7) -> list[Tensor]:
    """Return codebooks `[size, dim]`, one a level, with entries like latents `[rows, dim]`, ever smaller."""
    scale, books = latents.std(), []
    for level, size in enumerate(sizes):
        books.append(torch.randn(size, latents.shape[1]) * scale * shrink**level)
    return books


def noise(samples: int, seed: int = 0) -> Tensor:
    """Return audio `[1, 1, samples]` with something to code at all frequencies, louder and softer."""
    generator = torch.Generator().manual_seed(seed)
    envelope = torch.rand(samples // 400 + 2, generator=generator).repeat_interleave(400)[:samples]
    return (torch.randn(samples, generator=generator) * envelope * 0.3)[None, None]


def share_of_equal(ours: Tensor, theirs: Tensor) -> float:
    """Return which share of the codes is the same."""
    assert ours.shape == theirs.shape
    return (ours == theirs).float().mean().item()

"""Quantizers of one latent's columns: the levels of the first code the first columns, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from codectool.nn.quantizer import ResidualVectorQuantizer


def parts_of(quantizer: object) -> list[object]:
    """Return what codes a latent's columns, from first to last: the quantizer itself, or its parts."""
    return list(quantizer.parts) if isinstance(quantizer, ColumnQuantizer) else [quantizer]


class ColumnQuantizer(nn.Module):
    """Map latents `[batch, frames, dim]` to codes `[batch, levels, frames]` and back, part by part.

    Any leading number of levels can be used alone. The columns of parts without a level decode to zeros.
    """

    def __init__(self, parts: Sequence[ResidualVectorQuantizer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        dims = [part.codebooks.shape[2] for part in parts]
        columns = [slice(end - dim, end) for dim, end in zip(dims, accumulate(dims), strict=True)]
        self._columned = list(zip(parts, columns, strict=True))
        self.levels = sum(part.levels for part in parts)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return the nearest codes, int64 `[batch, levels, frames]`, for the first `levels` (default all)."""
        left = self.levels if levels is None else levels
        codes = []
        for part, columns in self._columned:
            if left > 0:
                codes.append(part.encode(latents[..., columns], min(left, part.levels)))
            left -= part.levels
        return torch.cat(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the entries' sums, `[batch, frames, dim]`, for any leading number of levels."""
        decoded = []
        for part, columns in self._columned:
            if codes.shape[1]:
                decoded.append(part.decode(codes[:, : part.levels]))
            else:
                shape = (codes.shape[0], codes.shape[2], columns.stop - columns.start)
                decoded.append(torch.zeros(shape, device=codes.device))
            codes = codes[:, part.levels :]
        return torch.cat(decoded, dim=-1)

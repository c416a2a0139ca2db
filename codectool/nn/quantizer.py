"""Residual vector quantization: each level codes what the levels before it left over.

Source: Zeghidour et al., SoundStream (arXiv 2107.03312), section III-C.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.linear import Packable, PackedLinear


class ResidualVectorQuantizer(nn.Module, Packable):
    """Map latents `[batch, frames, dim]` to codes `[batch, levels, frames]` and back.

    Codebooks are `[levels, codebook_size, dim]`; any leading number of levels can be used alone.
    """

    codebooks: Tensor
    half_norms: Tensor

    def __init__(self, levels: int, codebook_size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(levels, codebook_size, dim))
        self.register_buffer("half_norms", torch.zeros(levels, codebook_size), persistent=False)
        self.register_load_state_dict_post_hook(self._derive)  # type: ignore[no-untyped-call]
        self._is_packed = False
        self._products: dict[int, PackedLinear] = {}

    def pack(self, dtype: torch.dtype) -> None:
        self._is_packed, self._products = True, {}

    def _product(self, level: int) -> PackedLinear:
        """Return a level's product, prepared when it is first asked for: most streams have few levels."""
        if level not in self._products:
            self._products[level] = PackedLinear(self.codebooks[level], -self.half_norms[level])
        return self._products[level]

    @property
    def levels(self) -> int:
        """The number of codebooks."""
        return self.codebooks.shape[0]

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return the nearest codes, int64 `[batch, levels, frames]`, for the first `levels` (default all)."""
        residual = latents.flatten(0, 1)
        codes = []
        for level in range(self.levels if levels is None else levels):
            code = self.nearest(residual, level)
            residual = residual - F.embedding(code, self.codebooks[level])
            codes.append(code)
        return torch.stack(codes).view(len(codes), *latents.shape[:2]).transpose(0, 1)

    def nearest(self, residual: Tensor, level: int) -> Tensor:
        """Return for each row of `[rows, dim]` the index of the closest entry of one codebook."""
        scores = self.scores(residual, level)
        if self._is_packed:  # numpy finds the first maximum in a tenth of the time torch takes
            return torch.from_numpy(scores.numpy().argmax(axis=1))
        return scores.argmax(dim=1)

    def scores(self, residual: Tensor, level: int) -> Tensor:
        """Return how near a level's entries are to each row, `[rows, codebook_size]`: more is nearer."""
        # |r - c|^2 = |r|^2 - 2 (r.c - |c|^2 / 2), and |r|^2 is the same for all entries
        if self._is_packed:
            return self._product(level)(residual)
        return torch.addmm(-self.half_norms[level], residual, self.codebooks[level].T)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the sum of the coded entries, `[batch, frames, dim]`, for any leading number of levels."""
        batch, levels, frames = codes.shape
        first_entry = torch.arange(levels, device=codes.device) * self.codebooks.shape[1]
        entries = (codes + first_entry[:, None]).transpose(1, 2).reshape(batch * frames, levels)
        summed = F.embedding_bag(entries, self.codebooks.flatten(0, 1), mode="sum")
        return summed.view(batch, frames, self.codebooks.shape[2])

    def set_codebooks(self, codebooks: Tensor) -> None:
        """Replace all codebooks and what is derived from them (training only)."""
        self.codebooks.copy_(codebooks)
        self._derive()

    def _derive(self, *_: Any) -> None:
        self.half_norms = self.codebooks.square().sum(dim=-1) / 2
        self._is_packed, self._products = False, {}

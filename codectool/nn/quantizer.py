"""Residual vector quantization: each level codes what the levels before it left over.

Source: Zeghidour et al., SoundStream (arXiv 2107.03312), section III-C; for several candidates, the
M-algorithm of Anderson and Mohan, Sequential coding algorithms (IEEE Trans. Communications 32, 1984).
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
    Encoding follows the nearest `candidates` sums of entries from level to level, and codes the nearest of
    the last; where few of the levels are asked for, twice as many. With one candidate the codes of few
    levels begin those of many; with more, not always.
    """

    codebooks: Tensor
    half_norms: Tensor

    def __init__(self, levels: int, codebook_size: int, dim: int, candidates: int = 1) -> None:
        super().__init__()
        if not 0 < candidates <= codebook_size:
            raise ValueError(f"{candidates} candidates of {codebook_size} entries")
        self.candidates = candidates
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

    @property
    def few_levels(self) -> int:
        """Up to how many levels are few: twice as many candidates take less time there than all levels do."""
        return self.levels // 4

    @property
    def most_candidates(self) -> int:
        """How many candidates are followed through few of the levels."""
        return min(2 * self.candidates, self.codebooks.shape[1])

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return the nearest codes, int64 `[batch, levels, frames]`, for the first `levels` (default all)."""
        search = self._level_by_level if self.candidates == 1 else self._among_candidates
        codes = search(latents.flatten(0, 1), self.levels if levels is None else levels)
        return codes.view(len(codes), *latents.shape[:2]).transpose(0, 1)

    def _level_by_level(self, rows: Tensor, levels: int) -> Tensor:
        """Return codes `[levels, rows]`, of which each is the nearest to what those before it leave."""
        codes = []
        for level in range(levels):
            code = self.nearest(rows, level)
            rows = rows - F.embedding(code, self.codebooks[level])
            codes.append(code)
        return torch.stack(codes)

    def _among_candidates(self, rows: Tensor, levels: int) -> Tensor:
        """Return the codes `[levels, rows]` of the nearest sum that was found."""
        count, size = len(rows), self.codebooks.shape[1]
        candidates = self.most_candidates if levels <= self.few_levels else self.candidates
        residuals = rows[:, None]  # `[rows, candidates, dim]`, at first of one candidate, which is no entry
        gains = rows.new_zeros(count, 1)  # by how much each is nearer than the nearest: half the squares
        codes = torch.zeros(count, 1, 0, dtype=torch.int64, device=rows.device)
        row = torch.arange(count, device=rows.device)[:, None]
        for level in range(levels):
            scores = self.scores(residuals.flatten(0, 1), level).view(count, gains.shape[1], size)
            gains, chosen = (scores + gains[..., None]).flatten(1).topk(candidates)  # from the highest
            gains = gains - gains[:, :1]  # small numbers, of which sums keep the differences
            parent, code = chosen // size, chosen % size
            residuals = residuals[row, parent] - F.embedding(code, self.codebooks[level])
            codes = torch.cat((codes[row, parent], code[..., None]), dim=2)
        return codes[:, 0].T

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

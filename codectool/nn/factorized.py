"""Residual quantization in a few dimensions, by direction, with codebooks of several rates.

Source: Kumar et al., High-Fidelity Audio Compression with Improved RVQGAN (arXiv 2306.06546), section 3.2;
codebooks of several rates: Siuzdak et al., SNAC (arXiv 2410.14411), section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codectool.nn.linear import Packable, PackedLinear


class FactorizedQuantizer(nn.Module, Packable):
    """Map latents `[batch, frames, steps * dim]` to codes `[batch, rows, frames]` and back.

    A frame is as many steps of latents as the codebook of most rows has rows. That of `n` rows in a frame
    codes the mean of each `steps / n` steps: its rows follow each other in time, and those of the next
    codebook come after them. Each codebook has a projection into its few dimensions and one back; the entry
    that is nearest in direction is chosen.
    """

    codebooks: Tensor

    def __init__(
        self, rows_per_codebook: Sequence[int], codebook_size: int, codebook_dim: int, dim: int
    ) -> None:
        super().__init__()
        self.rows_per_codebook = tuple(rows_per_codebook)
        self.steps = max(self.rows_per_codebook)
        self.dim = dim
        self.register_buffer(
            "codebooks", torch.zeros(len(self.rows_per_codebook), codebook_size, codebook_dim)
        )
        self.project_in = nn.ModuleList(nn.Linear(dim, codebook_dim) for _ in self.rows_per_codebook)
        self.project_out = nn.ModuleList(nn.Linear(codebook_dim, dim) for _ in self.rows_per_codebook)
        self._scores: list[PackedLinear] = []

    def pack(self, dtype: torch.dtype) -> None:
        no_bias = self.codebooks.new_zeros(self.codebooks.shape[1])
        self._scores = [PackedLinear(F.normalize(codebook), no_bias) for codebook in self.codebooks]

    @property
    def levels(self) -> int:
        """Rows of codes in a frame."""
        return sum(self.rows_per_codebook)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return codes, int64, for the first `levels` rows (default all), those of whole codebooks."""
        batch, frames, _ = latents.shape
        residual = latents.reshape(batch, frames * self.steps, self.dim)
        codes = []
        for codebook, rows in self._used(self.levels if levels is None else levels):
            pooled = residual.view(batch, frames * rows, self.steps // rows, self.dim).mean(dim=2)
            code = self.nearest(self.project_in[codebook](pooled).flatten(0, 1), codebook)
            code = code.view(batch, frames * rows)
            residual = residual - self._entries(code, codebook, rows)
            codes.append(code.view(batch, frames, rows).transpose(1, 2))
        return torch.cat(codes, dim=1)

    def nearest(self, projected: Tensor, codebook: int) -> Tensor:
        """Return for each row of `[rows, codebook_dim]` the index of the entry nearest in direction."""
        if self._scores:  # numpy finds the first maximum in a tenth of the time torch takes
            return torch.from_numpy(self._scores[codebook](projected).numpy().argmax(axis=1))
        return (projected @ F.normalize(self.codebooks[codebook]).T).argmax(dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the latents that the rows of any leading number of codebooks code."""
        batch, levels, frames = codes.shape
        summed = self.codebooks.new_zeros(batch, frames * self.steps, self.dim)
        row = 0
        for codebook, rows in self._used(levels):
            code = codes[:, row : row + rows].transpose(1, 2).reshape(batch, frames * rows)
            summed = summed + self._entries(code, codebook, rows)
            row += rows
        return summed.view(batch, frames, self.steps * self.dim)

    def _entries(self, code: Tensor, codebook: int, rows: int) -> Tensor:
        """Return what codes `[batch, frames * rows]` stand for, at the latents' rate."""
        entries: Tensor = self.project_out[codebook](F.embedding(code, self.codebooks[codebook]))
        return entries if rows == self.steps else entries.repeat_interleave(self.steps // rows, dim=1)

    def _used(self, levels: int) -> Iterator[tuple[int, int]]:
        """Give the codebooks that have the first `levels` rows, each with its rows."""
        for codebook, rows in enumerate(self.rows_per_codebook):
            if levels <= 0:
                return
            assert rows <= levels, "only whole codebooks can be left out"
            yield codebook, rows
            levels -= rows

"""Quantizers side by side: each codes the same latents for itself, and the results are added.

Source: Défossez et al., Moshi (arXiv 2410.00037), section 3.3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from codectool.nn.quantizer import ResidualVectorQuantizer


class ProjectedQuantizer(ResidualVectorQuantizer):
    """A residual vector quantizer in another width than that of the latents."""

    def __init__(self, levels: int, codebook_size: int, codebook_dim: int, dim: int) -> None:
        super().__init__(levels, codebook_size, codebook_dim)
        self.project_in = nn.Linear(dim, codebook_dim, bias=False)
        self.project_out = nn.Linear(codebook_dim, dim, bias=False)

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        return super().encode(self.project_in(latents), levels)

    def decode(self, codes: Tensor) -> Tensor:
        projected: Tensor = self.project_out(super().decode(codes))
        return projected


class SplitQuantizer(nn.Module):
    """Quantizers of the same latents `[batch, frames, dim]`; the levels of the first come first."""

    def __init__(self, parts: Sequence[ProjectedQuantizer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    @property
    def levels(self) -> int:
        """The number of codebooks."""
        return sum(self._sizes)

    @property
    def _sizes(self) -> list[int]:
        return [part.levels for part in self.parts]  # type: ignore[misc]

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return codes, int64 `[batch, levels, frames]`, for the first `levels` (default all)."""
        left = self.levels if levels is None else levels
        codes = []
        for part, size in zip(self.parts, self._sizes, strict=True):
            if left > 0:
                codes.append(part.encode(latents, min(left, size)))  # type: ignore[operator]
            left -= size
        return torch.cat(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the sum of what the parts decode, for any leading number of levels."""
        summed: Tensor | None = None
        for part, size in zip(self.parts, self._sizes, strict=True):
            if codes.shape[1] > 0:
                decoded: Tensor = part.decode(codes[:, :size])  # type: ignore[operator]
                summed = decoded if summed is None else summed + decoded
            codes = codes[:, size:]
        assert summed is not None
        return summed


class TwoSidedQuantizer(nn.Module):
    """One quantizer that encodes and another, with codebooks of its own, that decodes."""

    def __init__(self, encoding: SplitQuantizer, decoding: SplitQuantizer) -> None:
        super().__init__()
        self.encoding = encoding
        self.decoding = decoding

    @property
    def levels(self) -> int:
        """The number of codebooks on either side."""
        return self.encoding.levels

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return codes, int64 `[batch, levels, frames]`, for the first `levels` (default all)."""
        return self.encoding.encode(latents, levels)

    def decode(self, codes: Tensor) -> Tensor:
        """Return what the codes of any leading number of levels stand for."""
        return self.decoding.decode(codes)

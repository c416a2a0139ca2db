"""Training of the codebooks: k-means start, moving averages, replacement of dead codes, level dropout.

Source: van den Oord et al., VQ-VAE (arXiv 1711.00937), appendix A.1, for the moving averages; Zeghidour et
al., SoundStream (arXiv 2107.03312), for the k-means start, the replacement and the dropout of levels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.quantizer import ResidualVectorQuantizer

DECAY = 0.99  # of the moving averages
DEAD_SHARE = 0.1  # a code drawn less often than this share of the level's mean is replaced
REPLACE_EVERY_STEPS = 20
KMEANS_ROUNDS = 6
NEAREST_ROWS = 1024  # at a time, whose scores stay in a processor's cache


# how many times as often segments are cut after some numbers of levels, which make common rates
FAVOURED = {2: 5, 4: 3, 8: 6, 16: 3, 32: 3}
STEREO_FAVOURED = {2: 2, 4: 4, 8: 6, 16: 8, 32: 8}


def level_probabilities(levels: int, favoured: Mapping[int, float] = FAVOURED) -> Tensor:
    """Return how often a training segment is cut after each number of levels: few more often than many."""
    weights = 1 / (torch.arange(1, levels + 1) + 2.0)
    for count, factor in favoured.items():
        if count <= levels:
            weights[count - 1] *= factor
    return weights / weights.sum()


def fit_levels(codebooks: Tensor, latents: Tensor, first_level: int) -> None:
    """Set `codebooks` `[levels, size, dim]`, from one level on, by k-means on what those before it leave."""
    residual = latents.clone()
    for level, codebook in enumerate(codebooks):
        if level >= first_level:
            codebook.copy_(k_means(residual, codebook.shape[0]))
        residual -= codebook[nearest(residual, codebook)]


def k_means(rows: Tensor, count: int) -> Tensor:
    """Return `count` centres of `[rows, dim]`; a centre without rows starts anew from one of them."""
    centres = rows[torch.randperm(len(rows))[:count]].clone()
    for _ in range(KMEANS_ROUNDS):
        codes = nearest(rows, centres)
        counts = torch.bincount(codes, minlength=count).float()
        centres = torch.zeros_like(centres).index_add_(0, codes, rows) / counts.clamp(min=1)[:, None]
        empty = counts == 0
        centres[empty] = rows[torch.randint(len(rows), (int(empty.sum()),))]
    return centres


def nearest(rows: Tensor, centres: Tensor) -> Tensor:
    """Return for each of the rows the index of the closest centre."""
    half_norms, columns = centres.square().sum(1) / 2, centres.T.contiguous()
    codes = [
        torch.addmm(-half_norms, part, columns).argmax(1)
        if rows.is_cuda
        # numpy finds the first maximum in a tenth of the time torch takes
        else torch.from_numpy(torch.addmm(-half_norms, part, columns).numpy().argmax(1))
        for part in rows.split(NEAREST_ROWS)
    ]
    return torch.cat(codes)


class QuantizerTraining:
    """The moving averages behind a quantizer's codebooks, and how many levels segments are cut after."""

    def __init__(
        self, quantizer: ResidualVectorQuantizer, levels: int, favoured: Mapping[int, float] = FAVOURED
    ) -> None:
        self.quantizer = quantizer
        self.counts = torch.ones(quantizer.codebooks.shape[:2], device=quantizer.codebooks.device)
        self.sums = quantizer.codebooks.clone()
        self.probabilities = level_probabilities(levels, favoured)

    def draw_levels(self, batch: int) -> Tensor:
        """Return how many levels each of the batch keeps, in falling order."""
        return self.probabilities.multinomial(batch, replacement=True).add(1).sort(descending=True).values

    @torch.no_grad()
    def start(self, latents: Tensor) -> None:
        """Set every codebook by k-means on the residuals `[rows, dim]` that the levels before it leave."""
        codebooks = self.quantizer.codebooks
        fit_levels(codebooks, latents, 0)
        self.counts.fill_(1)
        self.sums = codebooks.clone()
        self.quantizer.set_codebooks(codebooks)

    def quantize(self, latents: Tensor, kept_levels: Tensor, replace: bool) -> Tensor:
        """Quantize `[batch, frames, dim]`, each of the batch to its number of levels (falling), and learn."""
        residual = latents.detach().float().clone()  # changed in place below
        quantized = torch.zeros_like(residual)
        for level in range(int(kept_levels[0])):
            active = int((kept_levels > level).sum())
            rows = residual[:active].flatten(0, 1)
            codes = self.quantizer.nearest(rows, level)
            entries = F.embedding(codes, self.quantizer.codebooks[level]).view_as(residual[:active])
            self._learn(level, rows, codes, replace)
            quantized[:active] += entries
            residual[:active] -= entries
        self.quantizer.set_codebooks(self.sums / self.counts[..., None])
        return quantized

    def _learn(self, level: int, rows: Tensor, codes: Tensor, replace: bool) -> None:
        counts, sums = self.counts[level], self.sums[level]
        weight = 1 - DECAY
        counts.mul_(DECAY).add_(torch.bincount(codes, minlength=len(counts)).float(), alpha=weight)
        sums.mul_(DECAY).index_add_(0, codes, rows, alpha=weight)
        if replace:
            mean = counts.mean()
            dead = (counts < DEAD_SHARE * mean).nonzero()[:, 0]
            chosen = torch.randint(len(rows), (len(dead),), device=rows.device)
            counts[dead] = mean
            sums[dead] = rows[chosen] * mean
        counts.clamp_(min=1e-4)

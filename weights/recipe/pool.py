"""Coded training segments: with a fixed encoder and codebooks each is coded once, and decoded often."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus

SIZE = 512  # segments
FRESH = 3  # segments replaced a step: each is decoded some four times, with other numbers of levels
FILLED_AT_ONCE = 32


class CodedPool:
    """Segments of training audio with their codes, of which a few are replaced at every step."""

    def __init__(self, model: SpectralCodec, corpus: Corpus, rng: np.random.Generator, samples: int) -> None:
        self.model, self.corpus, self.rng = model, corpus, rng
        self.audio = torch.zeros(SIZE, samples, device=model.quantizer.codebooks.device)
        frames = model.frames_for(samples)
        self.codes = torch.zeros(
            SIZE, model.config.levels, frames, dtype=torch.long, device=self.audio.device
        )
        self.next = 0
        for _ in range(SIZE // FILLED_AT_ONCE):
            self.refresh(FILLED_AT_ONCE)

    @torch.no_grad()
    def refresh(self, count: int = FRESH) -> None:
        """Replace the oldest segments by new ones."""
        audio = torch.from_numpy(draw_batch(self.corpus, self.rng, count, self.audio.shape[1]))
        audio = audio.to(self.audio.device)
        places = slice(self.next, self.next + count)
        self.audio[places] = audio
        self.codes[places] = self.model.quantizer.encode(self.model.encoder(audio[..., None]))
        self.next = (self.next + count) % SIZE

    @torch.no_grad()
    def draw(self, kept_levels: Tensor) -> tuple[Tensor, Tensor]:
        """Return random segments `[batch, samples]` and their latents, of so many levels each."""
        chosen = torch.randint(SIZE, kept_levels.shape, device=self.audio.device)
        latents = [
            self.model.quantizer.decode(self.codes[place : place + 1, :levels])
            for place, levels in zip(chosen.tolist(), kept_levels.tolist(), strict=True)
        ]
        return self.audio[chosen], torch.cat(latents)

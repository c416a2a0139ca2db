"""Coded training segments: with a fixed encoder and codebooks each is coded once, and decoded often."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus

SIZE = 512  # segments
FRESH = 3  # segments replaced a step, so that each is decoded a few times, with other numbers of levels
FILLED_AT_ONCE = 32
FAVOURED_LEVELS = {20: 2.0, 24: 4.0, 32: 10.0}  # weights beside one for each other number of levels


def first_wave_level(codebooks: Tensor, wave_dim: int) -> int:
    """Return the first level of `[levels, size, dim]` that codes the wave."""
    codes_wave = codebooks[:, :, -wave_dim:].flatten(1).any(1)
    return int(codes_wave.nonzero()[0])


class CodedPool:
    """Segments of training audio with their codes, of which a few are replaced at every step.

    It is for those blocks of the decoder that know the wave. What the painting ones make of the levels before
    is always the same then, and kept.
    """

    def __init__(self, model: SpectralCodec, corpus: Corpus, rng: np.random.Generator, samples: int) -> None:
        self.model, self.corpus, self.rng = model, corpus, rng
        self.wave_dim = model.config.wave_dim
        codebooks = model.quantizer.codebooks
        self.first = first_wave_level(codebooks, self.wave_dim)
        self.probabilities = torch.tensor(
            [FAVOURED_LEVELS.get(count, 1.0) for count in range(self.first + 1, len(codebooks) + 1)]
        )
        frames, device = model.frames_for(samples), codebooks.device
        self.audio = torch.zeros(SIZE, samples, device=device)
        self.codes = torch.zeros(SIZE, len(codebooks), frames, dtype=torch.long, device=device)
        self.painted = torch.zeros(SIZE, frames, model.config.decoder_width, device=device)
        self.next = 0
        for _ in range(SIZE // FILLED_AT_ONCE):
            self.refresh(FILLED_AT_ONCE)

    @torch.no_grad()
    def refresh(self, count: int = FRESH) -> None:
        """Replace the oldest segments by new ones."""
        places = torch.arange(self.next, self.next + count) % SIZE
        audio = torch.from_numpy(draw_batch(self.corpus, self.rng, count, self.audio.shape[1]))
        self.audio[places] = audio.to(self.audio.device)
        codes = self.model.quantizer.encode(self.model.encoder(self.audio[places][..., None]))
        self.codes[places] = codes
        trunk = self.model.decoder.parts[0]
        self.painted[places] = trunk(self.model.quantizer.decode(codes[:, : self.first]))[
            ..., : -self.wave_dim
        ]
        self.next = (self.next + count) % SIZE

    @torch.no_grad()
    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return segments `[batch, samples]`, and what all but the first part of the decoder takes."""
        levels = self.first + 1 + self.probabilities.multinomial(batch, replacement=True)
        chosen = torch.randint(SIZE, (batch,))
        numbers = [
            self.model.quantizer.decode(self.codes[place : place + 1, :count])[..., -self.wave_dim :]
            for place, count in zip(chosen.tolist(), levels.tolist(), strict=True)
        ]
        return self.audio[chosen], torch.cat((self.painted[chosen], torch.cat(numbers)), dim=-1)

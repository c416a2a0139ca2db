"""Coded training segments: with a fixed encoder and codebooks each is coded once, and decoded often."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus

SIZE = 640  # segments
FRESH = 2  # segments replaced a step, so that each is decoded a few times, with other numbers of levels
FILLED_AT_ONCE = 32
FAVOURED_LEVELS = {20: 2.0, 24: 5.0, 28: 3.0, 32: 10.0}  # weights beside one for each other number of levels


class CodedPool:
    """Segments of training audio with their codes, of which a few are replaced at every step.

    It is for those blocks of the decoder that know the wave. What the painting ones make of the levels before
    is always the same then, and kept.
    """

    def __init__(self, model: SpectralCodec, corpus: Corpus, rng: np.random.Generator, samples: int) -> None:
        self.corpus, self.rng = corpus, rng
        config, self.codec = model.config, model.at(model.config.levels)
        self.quantizer = model.wave.quantizer
        self.painted_levels = model.quantizer.levels
        device = model.quantizer.codebooks.device
        counts = range(self.painted_levels + 1, config.levels + 1)
        self.probabilities = torch.tensor([FAVOURED_LEVELS.get(count, 1.0) for count in counts])
        frames = model.frames_for(samples)
        self.audio = torch.zeros(SIZE, config.channels, samples, device=device)
        self.codes = torch.zeros(SIZE, self.quantizer.levels, frames, dtype=torch.long, device=device)
        self.painted = torch.zeros(SIZE, frames, config.decoder_width, device=device)
        self.next = 0
        for _ in range(SIZE // FILLED_AT_ONCE):
            self.refresh(FILLED_AT_ONCE)

    @torch.no_grad()
    def refresh(self, count: int = FRESH) -> None:
        """Replace the oldest segments by new ones."""
        places = torch.arange(self.next, self.next + count) % SIZE
        audio = torch.from_numpy(draw_batch(self.corpus, self.rng, count, self.audio.shape[2]))
        self.audio[places] = audio.to(self.audio.device)
        codes = self.codec.quantizer.encode(self.codec.encoder(self.audio[places].transpose(1, 2)))
        self.codes[places] = codes[:, self.painted_levels :]
        latents = self.codec.quantizer.decode(codes[:, : self.painted_levels])
        trunk = next(iter(self.codec.decoder))
        self.painted[places] = trunk(latents)[..., : self.painted.shape[2]]
        self.next = (self.next + count) % SIZE

    @torch.no_grad()
    def draw(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return segments `[batch, channels, samples]`, and what the rest of the decoder takes of each."""
        levels = 1 + self.probabilities.multinomial(batch, replacement=True)
        chosen = torch.randint(SIZE, (batch,))
        numbers = [
            self.quantizer.decode(self.codes[place : place + 1, :count])
            for place, count in zip(chosen.tolist(), levels.tolist(), strict=True)
        ]
        return self.audio[chosen], torch.cat((self.painted[chosen], torch.cat(numbers)), dim=-1)

    def after_trunk(self, x: Tensor) -> Tensor:
        """Return what the rest of the decoder makes of that."""
        for part in list(self.codec.decoder)[1:]:  # type: ignore[call-overload]
            x = part(x)
        return x

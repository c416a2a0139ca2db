"""Distances on held-out audio, by which the best weights of a run are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from codectool.nn.layer import Layer
from weights.recipe.data import Corpus
from weights.recipe.objective import DIRECTIONS, Objective, compared

VALIDATED_LEVELS = (2, 8, 16, 32)
SCORED_LEVELS = (8, 16, 32)  # 6, 12 and 24 kbps
SEGMENTS, SEGMENT_S = 16, 2  # of each kind


def in_line(decoder: Layer, latents: Tensor, samples: int) -> Tensor:
    """Return the audio `[batch, channels, samples]` of latents, in line with what was encoded."""
    return decoder(latents)[:, decoder.latency :][:, :samples].transpose(1, 2)


def decode(model: SpectralCodec, codes: Tensor, samples: int) -> Tensor:
    """Return the audio `[batch, channels, samples]` of codes, in line with what was encoded."""
    codec = model.at(codes.shape[1])
    return in_line(codec.decoder, codec.quantizer.decode(codes), samples)


def encode(model: SpectralCodec, audio: Tensor, levels: int | None = None) -> Tensor:
    """Return the codes `[batch, levels, frames]` of sound `[batch, channels, samples]`, by default all."""
    levels = model.config.levels if levels is None else levels
    codec = model.at(levels)
    return codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)), levels)


def recoded(model: SpectralCodec, audio: Tensor, counts: Iterable[int]) -> Iterator[Tensor]:
    """Yield what sound `[batch, channels, samples]` comes back as, for each of these numbers of levels."""
    codec = model.at(model.config.levels)
    latents = codec.encoder(audio.transpose(1, 2))  # which are the same for all numbers of levels
    for levels in counts:
        yield decode(model, codec.quantizer.encode(latents, levels), audio.shape[2])


def decoded_by_levels(model: SpectralCodec, originals: list[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """Yield each number of VALIDATED_LEVELS, and sounds `[batch, channels, samples]` coded with so many."""
    sounds = zip(*(recoded(model, audio, VALIDATED_LEVELS) for audio in originals), strict=True)
    for levels, decoded in zip(VALIDATED_LEVELS, sounds, strict=True):
        yield levels, list(decoded)


def mono_by_levels(model: SpectralCodec, originals: list[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """Yield the same of sounds `[1, samples]`, which all channels have."""
    channels = model.config.channels
    for levels, decoded in decoded_by_levels(
        model, [audio[:, None].repeat(1, channels, 1) for audio in originals]
    ):
        yield levels, [sounds[:, 0] for sounds in decoded]


@torch.no_grad()
def held_out_losses(model: SpectralCodec, objective: Objective, corpus: Corpus) -> dict[str, float]:
    """Return mel losses on held-out audio, named by kind and number of levels, and `score`.

    The score, the lower the better, is the mean of the weighted losses over SCORED_LEVELS and over the kinds
    by their shares: what noise is like counts in it as it does in training.
    """
    found: dict[str, float] = {}
    score = 0.0
    for kind, share in corpus.kind_shares.items():
        segments = corpus.held_out_segments(kind, SEGMENTS, SEGMENT_S * corpus.sample_rate_hz)
        audio = torch.from_numpy(segments).to(model.quantizer.codebooks.device)
        chosen = torch.arange(SEGMENTS) % len(DIRECTIONS) if corpus.channels == 2 else None
        for levels, (decoded,) in decoded_by_levels(model, [audio]):
            kept = torch.full((SEGMENTS,), levels)
            losses = objective(*compared(decoded, audio, chosen), kept, chosen)
            found[f"{kind}_{levels}"] = losses["mel"].item()
            if levels in SCORED_LEVELS:
                score += share * objective.total(losses).item() / len(SCORED_LEVELS)
    return found | {"score": score}

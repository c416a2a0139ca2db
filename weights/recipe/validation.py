"""Distances on held-out audio, by which the best weights of a run are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.data import KIND_SHARES, SAMPLE_RATE_HZ, Corpus
from weights.recipe.objective import Objective

VALIDATED_LEVELS = (2, 8, 16, 32)
SCORED_LEVELS = (8, 16, 32)  # 6, 12 and 24 kbps
SEGMENTS, SEGMENT_S = 16, 2  # of each kind


def decode(model: SpectralCodec, codes: Tensor, samples: int) -> Tensor:
    """Return the audio `[batch, samples]` of codes, in line with what was encoded."""
    codec = model.at(codes.shape[1])
    audio: Tensor = codec.decoder(codec.quantizer.decode(codes))
    return audio[:, codec.decoder.latency :, 0][:, :samples]


def encode(model: SpectralCodec, audio: Tensor) -> Tensor:
    """Return the codes `[batch, levels, frames]` of audio `[batch, samples]`, with all levels."""
    codec = model.at(model.config.levels)
    return codec.quantizer.encode(codec.encoder(audio[..., None]))


def decoded_by_levels(model: SpectralCodec, originals: list[Tensor]) -> Iterator[tuple[int, list[Tensor]]]:
    """Yield each number of VALIDATED_LEVELS, and the sounds `[batch, samples]` coded with so many."""
    coded = [encode(model, audio) for audio in originals]
    for levels in VALIDATED_LEVELS:
        pairs = zip(coded, originals, strict=True)
        yield levels, [decode(model, codes[:, :levels], audio.shape[1]) for codes, audio in pairs]


@torch.no_grad()
def held_out_losses(model: SpectralCodec, objective: Objective, corpus: Corpus) -> dict[str, float]:
    """Return mel losses on held-out audio, named by kind and number of levels, and `score`.

    The score, the lower the better, is the mean of the weighted losses over SCORED_LEVELS and over the kinds
    by their shares: what noise is like counts in it as it does in training.
    """
    found: dict[str, float] = {}
    score = 0.0
    for kind, share in KIND_SHARES.items():
        segments = corpus.held_out_segments(kind, SEGMENTS, SEGMENT_S * SAMPLE_RATE_HZ)
        audio = torch.from_numpy(segments).to(model.quantizer.codebooks.device)
        for levels, (decoded,) in decoded_by_levels(model, [audio]):
            losses = objective(decoded, audio, torch.full((SEGMENTS,), levels))
            found[f"{kind}_{levels}"] = losses["mel"].item()
            if levels in SCORED_LEVELS:
                score += share * objective.total(losses).item() / len(SCORED_LEVELS)
    return found | {"score": score}

"""Mimi: SEANet and a transformer on both sides of a semantic and 31 acoustic codebooks, 12.5 frames a second.

Source: Défossez et al., Moshi (arXiv 2410.00037), section 3.3, and the published code, package `moshi`, whose
numbers for whole recordings it reproduces, as long as streams are. transformers' `MimiModel` gives the same,
except in a recording's last frame, which it does not fill up with zeros before the first layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from codectool.models.family import Family
from codectool.models.mimi_names import own_mimi
from codectool.nn.causal_seanet import Shape, mimi_decoder, mimi_encoder
from codectool.nn.layer import Layer
from codectool.nn.split_quantizer import ProjectedQuantizer, SplitQuantizer


@dataclass(frozen=True)
class Config(Shape):
    """All that determines a Mimi model but its weights; the defaults are the published one's."""

    sample_rate_hz: int = 24_000
    levels: int = 32
    semantic_levels: int = 1
    codebook_size: int = 2048
    codebook_dim: int = 256


class MimiCodec(nn.Module):
    """Encoder, quantizer and decoder of one Mimi model.

    `encoder` takes audio `[batch, samples, channels]` to latents `[batch, frames, dim]`, `decoder` takes them
    back.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = mimi_encoder(config)
        sizes = config.semantic_levels, config.levels - config.semantic_levels
        self.quantizer = SplitQuantizer(
            [
                ProjectedQuantizer(levels, config.codebook_size, config.codebook_dim, config.dim)
                for levels in sizes
            ]
        )
        self.decoder = mimi_decoder(config)

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return -(-samples // self.config.hop_samples)


def build(config: Config) -> MimiCodec:
    """Return a model of this shape with untrained weights."""
    return MimiCodec(config)


FAMILY = Family(Config, build, published=own_mimi, has_bfloat16=False, bare=True)

"""Small models of the families of the field: their configs, entries and random weights."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch

from codectool.models import dac, mimi, qwen3_tts, snac
from codectool.models.entry import ModelEntry
from codectool.models.registry import find
from codectool.models.torch_loading import family_of
from codectool.nn.causal_seanet import Shape

Tensors = dict[str, torch.Tensor]

SMALL_MIMI = Shape(filters=4, ratios=(2,), dim=16, layers=1, heads=2, expanded=8, window=5)
SMALL_QWEN = qwen3_tts.Config(
    encoder=SMALL_MIMI,
    latent_dim=6,
    width=8,
    layers=1,
    heads=2,
    head_dim=4,
    expanded=8,
    window=4,
    convnext_strides=(2,),
    decoder_width=8,
    decoder_strides=(2,),
)
SMALL: dict[str, Any] = {
    "mimi": mimi.Config(**vars(SMALL_MIMI), levels=3, codebook_size=8, codebook_dim=4),
    "qwen3_tts_12hz": replace(SMALL_QWEN, levels=3, codebook_size=8, codebook_dim=4),
    "dac_44khz": dac.Config(
        levels=3, codebook_size=8, latent_dim=6, encoder_width=4, decoder_width=8, strides=(3,)
    ),
    "snac_24khz": snac.Config(
        rows_per_codebook=(1, 2), codebook_size=8, encoder_width=4, decoder_width=8, strides=(2,)
    ),
}


def small_entry(name: str, config: Any = None) -> ModelEntry:
    """Return the entry of a model with another shape, its one of SMALL unless told."""
    config = SMALL[name] if config is None else config
    return replace(
        find(name),
        sample_rate_hz=config.sample_rate_hz,
        hop_samples=config.hop_samples,
        levels=config.levels,
        codebook_size=config.codebook_size,
        rows_per_codebook=getattr(config, "rows_per_codebook", ()),
        config={field.name: getattr(config, field.name) for field in fields(config)},
    )


def tensors_of(name: str) -> Tensors:
    """Return random weights of a model, under our names."""
    entry = find(name)
    family = family_of(entry)
    torch.manual_seed(0)
    codec: Any = family.build(family.config(**entry.config))
    state: Tensors = codec.state_dict()
    return {key: torch.randn(value.shape) for key, value in state.items()}

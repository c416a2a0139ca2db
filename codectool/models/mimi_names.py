"""Mimi's tensors by the names that others give them: package `moshi`, which made it, and transformers.

Source: package `moshi`, models/loaders.py; package `transformers`, models/mimi.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

HEADS = 8
USAGE_FLOOR = 1e-5  # of an entry's usage, by which its sum is divided
# Patterns, all of which either spelling may have, and what they become.
RENAMINGS = (
    (r"^encoder\.(?:model|layers)\.", "encoder.parts.1.parts."),
    (r"^decoder\.(?:model|layers)\.", "decoder.parts.2.parts."),
    (r"\.block\.", ".inner.parts."),
    (r"(?:\.(?:conv|convtr))+\.", ".convolution."),
    (r"^downsample\.", "encoder.parts.3."),
    (r"^upsample\.", "decoder.parts.0."),
    (r"^encoder_transformer\.(?:transformer\.)?layers\.", "encoder.parts.2.parts."),
    (r"^decoder_transformer\.(?:transformer\.)?layers\.", "decoder.parts.1.parts."),
    (r"\.(?:norm1|input_layernorm)\.", ".attention_norm."),
    (r"\.(?:norm2|post_attention_layernorm)\.", ".norm."),
    (r"\.(?:linear1|mlp\.fc1)\.", ".expand."),
    (r"\.(?:linear2|mlp\.fc2)\.", ".project."),
    (r"\.(?:layer_scale_1|self_attn_layer_scale)\.scale$", ".attention_scale"),
    (r"\.(?:layer_scale_2|mlp_layer_scale)\.scale$", ".scale"),
    (r"\.self_attn\.(?:out_proj|out_projs\.0|o_proj)\.weight$", ".attention_out.weight"),
    (r"\.self_attn\.(?:in_proj_weight|in_proj\.weight|in_projs\.0\.weight)$", ".turned_in_pairs"),
    (r"^quantizer\.(?:rvq_first|semantic_residual_vector_quantizer)\.", "quantizer.parts.0."),
    (r"^quantizer\.(?:rvq_rest|acoustic_residual_vector_quantizer)\.", "quantizer.parts.1."),
    (r"\.input_proj\.", ".project_in."),
    (r"\.output_proj\.", ".project_out."),
    (r"\.(?:vq\.)?layers\.(\d+)\._?codebook\.(?:embed_sum|embedding_sum|embed_avg)$", r".\1.sum"),
    (r"\.(?:vq\.)?layers\.(\d+)\._?codebook\.(?:cluster_usage|cluster_size)$", r".\1.usage"),
)
TRAINING_ONLY = ("initialized", "inited")  # what names of other tensors of a codebook end in
SEPARATE = re.compile(r"(.+)\.self_attn\.([qkv])_proj\.weight")
PART_OF_CODEBOOK = re.compile(r"(quantizer\.parts\.\d)\.(\d+)\.(sum|usage)")


def own_mimi(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under our names; ValueError for what cannot be a Mimi checkpoint."""
    state: dict[str, Tensor] = {}
    codebooks: dict[str, dict[int, dict[str, Tensor]]] = {}
    separate: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name = own_name(key)
        if name.endswith(TRAINING_ONLY):
            continue
        if part := PART_OF_CODEBOOK.fullmatch(name):
            codebooks.setdefault(part[1], {}).setdefault(int(part[2]), {})[part[3]] = value
        elif projection := SEPARATE.fullmatch(name):
            separate.setdefault(projection[1], {})[projection[2]] = value
        elif name in state:
            raise ValueError("it holds some tensors twice, under two names")
        elif name.endswith(".turned_in_pairs"):
            state[name.replace("turned_in_pairs", "queries_keys_values.weight")] = _unpaired(value)
        else:
            is_projection = ".project_" in name and value.dim() == 3
            state[name] = value.squeeze(2) if is_projection else value
    for block, parts in separate.items():
        if len(parts) < 3:
            raise ValueError(f"{block} has no queries, keys or values")
        state[f"{block}.queries_keys_values.weight"] = torch.cat([parts[letter] for letter in "qkv"])
    for part_name, levels in codebooks.items():
        state[f"{part_name}.codebooks"] = _stacked(levels)
    return state


def own_name(published: str) -> str:
    """Return our name of a tensor, from either of the published names."""
    for pattern, replacement in RENAMINGS:
        published = re.sub(pattern, replacement, published)
    return published


def _unpaired(weight: Tensor) -> Tensor:
    """Reorder the rows of queries and keys: channels that turn together are a half apart, not neighbours."""
    rows, width = weight.shape
    if rows != 3 * width or width % (2 * HEADS):
        raise ValueError(f"a matrix of queries, keys and values has {rows} rows for {width} columns")
    queries_keys = weight[: 2 * width].view(2 * HEADS, width // HEADS // 2, 2, width)
    return torch.cat((queries_keys.transpose(1, 2).reshape(2 * width, width), weight[2 * width :]))


def _stacked(levels: dict[int, dict[str, Tensor]]) -> Tensor:
    """Return the codebooks `[levels, codebook_size, dim]`: each entry is a sum over its usage."""
    if sorted(levels) != list(range(len(levels))):
        raise ValueError(f"a codebook is missing, for its last is that of level {max(levels)}")
    entries = []
    for level in range(len(levels)):
        parts = levels[level]
        if parts.keys() != {"sum", "usage"} or parts["usage"].shape != parts["sum"].shape[:1]:
            raise ValueError(f"the codebook of level {level} is not whole")
        entries.append(parts["sum"] / parts["usage"].clamp(min=USAGE_FLOOR)[:, None])
    if len({codebook.shape for codebook in entries}) > 1:
        raise ValueError("its codebooks are not all of one size")
    return torch.stack(entries)

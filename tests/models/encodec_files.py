"""EnCodec checkpoints as their publishers spell them, of any size, with random numbers: no download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, Tensor]
LATENT_DIM = 128


@dataclass(frozen=True)
class Shape:
    """What the list of tensors of an EnCodec model depends on."""

    channels: int = 1
    filters: int = 32
    ratios: tuple[int, ...] = (8, 5, 4, 2)
    levels: int = 32
    codebook_size: int = 1024
    group_norm: bool = False
    shortcut: bool = True


OFFICIAL = {
    "encodec_24khz": Shape(),
    "encodec_48khz": Shape(channels=2, levels=16, group_norm=True),
    "encodec_32khz": Shape(filters=64, ratios=(8, 5, 4, 4), levels=4, codebook_size=2048, shortcut=False),
}


def inventory(shape: Shape) -> Shapes:
    """List an official file: the name and shape of every tensor."""
    widest = shape.filters << len(shape.ratios)
    last = 3 * len(shape.ratios) + 3
    found = convolution(shape, "encoder.model.0.conv.conv", shape.filters, shape.channels, 7)
    found |= lstm(f"encoder.model.{last - 2}.lstm", widest)
    found |= convolution(shape, f"encoder.model.{last}.conv.conv", LATENT_DIM, widest, 7)
    found |= convolution(shape, "decoder.model.0.conv.conv", widest, LATENT_DIM, 7)
    found |= lstm("decoder.model.1.lstm", widest)
    found |= convolution(shape, f"decoder.model.{last}.conv.conv", shape.channels, shape.filters, 7)
    for i, ratio in enumerate(reversed(shape.ratios)):
        width = shape.filters << i
        found |= residual_unit(shape, f"encoder.model.{3 * i + 1}", width)
        found |= convolution(shape, f"encoder.model.{3 * i + 3}.conv.conv", 2 * width, width, 2 * ratio)
    for i, ratio in enumerate(shape.ratios):
        width = widest >> (i + 1)
        found |= convolution(shape, f"decoder.model.{3 * i + 3}.convtr.convtr", width, 2 * width, 2 * ratio)
        found |= residual_unit(shape, f"decoder.model.{3 * i + 4}", width)
    for level in range(shape.levels):
        stem = f"quantizer.vq.layers.{level}._codebook"
        entries = (shape.codebook_size, LATENT_DIM)
        found |= {f"{stem}.inited": (1,), f"{stem}.cluster_size": entries[:1]}
        found |= {f"{stem}.embed": entries, f"{stem}.embed_avg": entries}
    return found


def convolution(shape: Shape, stem: str, outputs: int, inputs: int, kernel: int) -> Shapes:
    """List a convolution with its norm; a transposed one has its inputs first."""
    weight = (inputs, outputs, kernel) if stem.endswith("tr") else (outputs, inputs, kernel)
    if shape.group_norm:
        norm = stem.rpartition(".")[0] + ".norm"
        extra = {f"{stem}.weight": weight, f"{norm}.weight": (outputs,), f"{norm}.bias": (outputs,)}
    else:
        extra = {f"{stem}.weight_g": (weight[0], 1, 1), f"{stem}.weight_v": weight}
    return {f"{stem}.bias": (outputs,), **extra}


def residual_unit(shape: Shape, stem: str, width: int) -> Shapes:
    """List a residual unit."""
    found = convolution(shape, f"{stem}.block.1.conv.conv", width // 2, width, 3)
    found |= convolution(shape, f"{stem}.block.3.conv.conv", width, width // 2, 1)
    if shape.shortcut:
        found |= convolution(shape, f"{stem}.shortcut.conv.conv", width, width, 1)
    return found


def lstm(stem: str, width: int) -> Shapes:
    """List two layers of LSTM; their four gates lie one after the other."""
    gates = 4 * width
    layer = {
        "weight_ih": (gates, width),
        "weight_hh": (gates, width),
        "bias_ih": (gates,),
        "bias_hh": (gates,),
    }
    return {f"{stem}.{name}_l{index}": size for index in range(2) for name, size in layer.items()}


def random_file(shape: Shape, seed: int = 0) -> Tensors:
    """Return what an official file of this shape holds, with random numbers."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {key: 0.1 * torch.randn(size, generator=generator) for key, size in inventory(shape).items()}
    return {key: value.abs() if key.endswith("weight_g") else value for key, value in tensors.items()}


def parametrized(tensors: Tensors) -> Tensors:
    """Spell weight norm as a parametrization."""
    ends = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    return {
        f"{stem}.{ends.get(end, end)}": value
        for key, value in tensors.items()
        for stem, _, end in [key.rpartition(".")]
    }


def folded(tensors: Tensors) -> Tensors:
    """Take weight norm out, by way of torch's own module for it."""
    plain = {key: value for key, value in tensors.items() if not key.endswith(("weight_g", "weight_v"))}
    for key, direction in tensors.items():
        stem = key.removesuffix(".weight_v")
        if stem != key:
            module = torch.nn.Module()
            module.weight = torch.nn.Parameter(direction)
            torch.nn.utils.parametrizations.weight_norm(module)
            module.parametrizations.weight.original0.data = tensors[f"{stem}.weight_g"]
            plain[f"{stem}.weight"] = module.weight.detach()
    return plain


def hugging_face(tensors: Tensors) -> Tensors:
    """Use the names of Hugging Face's transformers."""
    renamed = {}
    for key, value in tensors.items():
        for official, other in (
            (".model.", ".layers."),
            (".conv.conv.", ".conv."),
            (".convtr.convtr.", ".conv."),
            (".conv.norm.", ".norm."),
            (".convtr.norm.", ".norm."),
            ("quantizer.vq.", "quantizer."),
            ("._codebook.", ".codebook."),
        ):
            key = key.replace(official, other)
        renamed[key] = value
    return renamed


SPELLINGS: dict[str, Callable[[Tensors], Tensors]] = {
    "official": dict,
    "parametrized": parametrized,
    "folded": folded,
    "hugging face": hugging_face,
    "hugging face, parametrized": lambda tensors: hugging_face(parametrized(tensors)),
    "hugging face, folded": lambda tensors: hugging_face(folded(tensors)),
}

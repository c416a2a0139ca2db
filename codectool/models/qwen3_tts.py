"""The 12 Hz tokenizer of Qwen3-TTS: Mimi's encoder with 16 levels, and a decoder of its own.

Its numbers for whole recordings are those of the published code. That code's `chunked_decode` gives others,
since it looks back over fewer frames than its transformer does.

Source: Qwen3-TTS (arXiv 2601.15621) and the published code, package `qwen-tts`, tokenizer_12hz.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codectool.models.family import Family
from codectool.models.mimi_names import own_mimi
from codectool.nn.causal_seanet import Shape, mimi_encoder
from codectool.nn.convolution import ConvNeXtBlock, Pointwise
from codectool.nn.framing import Unfold
from codectool.nn.layer import Chain, Layer
from codectool.nn.residual import Residual
from codectool.nn.snake import SnakeBeta
from codectool.nn.split_quantizer import ProjectedQuantizer, SplitQuantizer, TwoSidedQuantizer
from codectool.nn.transformer import NORM_FLOOR, TransformerBlock
from codectool.nn.zero_padded import ZeroPaddedConvolution, ZeroPaddedTransposed

KERNEL = 7
DILATIONS = (1, 3, 9)
FIRST_KERNEL = 3  # before the transformer
EXPANSION = 4  # of the ConvNeXt blocks
CONVNEXT_FLOOR = 1e-6  # in their norms
SEMANTIC_LEVELS = 1


@dataclass(frozen=True)
class Config:
    """All that determines such a tokenizer but its weights; the defaults are the published one's."""

    sample_rate_hz: int = 24_000
    levels: int = 16
    codebook_size: int = 2048
    codebook_dim: int = 256
    encoder: Shape = Shape()  # noqa: RUF009 (it is frozen)
    latent_dim: int = 1024
    width: int = 512  # of the decoder's transformer
    layers: int = 8
    heads: int = 16
    head_dim: int = 64
    expanded: int = 1024
    window: int = 72
    convnext_strides: tuple[int, ...] = (2, 2)
    decoder_width: int = 1536
    decoder_strides: tuple[int, ...] = (8, 5, 4, 3)

    @property
    def hop_samples(self) -> int:
        """Samples a frame."""
        return math.prod(self.convnext_strides) * math.prod(self.decoder_strides)


class Qwen3TtsCodec(nn.Module):
    """Encoder, quantizer and decoder of one tokenizer.

    `encoder` takes audio `[batch, samples, 1]` to latents `[batch, frames, dim]`, `decoder` takes them back.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = mimi_encoder(config.encoder)
        self.quantizer = TwoSidedQuantizer(_quantizer(config), _quantizer(config))
        self.decoder = Chain(
            [
                ZeroPaddedConvolution(config.encoder.dim, config.latent_dim, FIRST_KERNEL),
                Chain(_transformer_parts(config)),
                Chain(_upsampling_parts(config)),
                Chain(_decoder_parts(config)),
            ]
        )

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return -(-samples // self.config.hop_samples)


def _quantizer(config: Config) -> SplitQuantizer:
    sizes = SEMANTIC_LEVELS, config.levels - SEMANTIC_LEVELS
    shape = config.codebook_size, config.codebook_dim, config.encoder.dim
    return SplitQuantizer([ProjectedQuantizer(levels, *shape) for levels in sizes])


def _transformer_parts(config: Config) -> list[Layer]:
    shape = config.width, config.heads, config.expanded, config.window, config.head_dim
    return [
        Pointwise(nn.Linear(config.latent_dim, config.width)),
        *(TransformerBlock(*shape, gated=True) for _ in range(config.layers)),
        Pointwise(nn.RMSNorm(config.width, eps=NORM_FLOOR)),
        Pointwise(nn.Linear(config.width, config.latent_dim)),
    ]


def _upsampling_parts(config: Config) -> list[Layer]:
    parts: list[Layer] = []
    for stride in config.convnext_strides:
        parts += [
            Pointwise(nn.Linear(config.latent_dim, stride * config.latent_dim)),
            Unfold(stride),
            ConvNeXtBlock(config.latent_dim, KERNEL, EXPANSION, 1.0, CONVNEXT_FLOOR),
        ]
    return parts


def _decoder_parts(config: Config) -> list[Layer]:
    width = config.decoder_width
    parts: list[Layer] = [ZeroPaddedConvolution(config.latent_dim, width, KERNEL)]
    for stride in config.decoder_strides:
        up = ZeroPaddedTransposed(width, width // 2, stride)
        width //= 2
        parts.append(Chain([SnakeBeta(2 * width), up, *(_residual(width, d) for d in DILATIONS)]))
    return [*parts, SnakeBeta(width), ZeroPaddedConvolution(width, 1, KERNEL), Pointwise(nn.Hardtanh())]


def _residual(width: int, dilation: int) -> Residual:
    return Residual(
        [
            SnakeBeta(width),
            ZeroPaddedConvolution(width, width, KERNEL, dilation=dilation),
            SnakeBeta(width),
            ZeroPaddedConvolution(width, width, 1),
        ]
    )


def build(config: Config) -> Qwen3TtsCodec:
    """Return a model of this shape with untrained weights."""
    return Qwen3TtsCodec(config)


# How the published names of the decoder's tensors become ours, in this order.
RENAMINGS = (
    (r"^pre_conv\.conv\.", "0.convolution."),
    (r"^pre_transformer\.input_proj\.", "1.parts.0.module."),
    (r"\.self_attn\.o_proj\.", ".attention_out."),
    (r"\.self_attn_layer_scale\.scale$", ".attention_scale"),
    (r"\.mlp_layer_scale\.scale$", ".scale"),
    (r"\.input_layernorm\.", ".attention_norm."),
    (r"\.post_attention_layernorm\.", ".norm."),
    (r"\.mlp\.down_proj\.", ".project."),
    (r"\.dwconv\.conv\.", ".depthwise.convolution."),
    (r"\.pwconv1\.", ".expand."),
    (r"\.pwconv2\.", ".project."),
    (r"\.gamma$", ".scale"),
    (r"^decoder\.(\d+)\.block\.", r"3.parts.\1.parts."),
    (r"^decoder\.", "3.parts."),
    (r"\.act1\.", ".inner.parts.0."),
    (r"\.conv1\.conv\.", ".inner.parts.1.convolution."),
    (r"\.act2\.", ".inner.parts.2."),
    (r"\.conv2\.conv\.", ".inner.parts.3.convolution."),
    (r"\.conv\.", ".convolution."),
)
PARTS_TO_JOIN = {  # matrices that we keep as one, by what their names end in
    "queries_keys_values": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "expand": ("mlp.gate_proj", "mlp.up_proj"),
}
BLOCK = re.compile(r"pre_transformer\.layers\.(\d+)\.(.+)")
UPSAMPLING = re.compile(r"upsample\.(\d+)\.([01])\.(.+)")


def own_qwen3_tts(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under our names; ValueError for what cannot be a checkpoint of this tokenizer."""
    sides: dict[str, dict[str, Tensor]] = {"encoder": {}, "decoder": {}}
    for key, value in tensors.items():
        side, _, rest = key.partition(".")
        if side not in sides:
            raise ValueError(f"{key} is of neither half of the tokenizer")
        sides[side][rest] = value
    decoder = sides["decoder"]
    quantizer = {key: decoder.pop(key) for key in list(decoder) if key.startswith("quantizer.")}
    decoding = {key.removeprefix("quantizer."): value for key, value in own_mimi(quantizer).items()}
    state = {f"quantizer.decoding.{key}": value for key, value in decoding.items()}
    for key, value in own_mimi(sides["encoder"]).items():
        if key.startswith("quantizer."):
            kept = _levels_kept(key, value, decoding)
            state[f"quantizer.encoding.{key.removeprefix('quantizer.')}"] = kept
        else:
            state[key] = value
    return state | {f"decoder.parts.{key}": value for key, value in _own_decoder(decoder).items()}


def _levels_kept(key: str, value: Tensor, decoding: Mapping[str, Tensor]) -> Tensor:
    """Return of the encoder's codebooks those that have one in the decoder: Mimi has more."""
    partner = decoding.get(key.removeprefix("quantizer."))
    return value[: len(partner)] if key.endswith(".codebooks") and partner is not None else value


def _own_decoder(decoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    layers = 1 + max((int(match[1]) for key in decoder if (match := BLOCK.match(key))), default=-1)
    strides = {
        match[1]: value.shape[2]
        for key, value in decoder.items()
        if (match := UPSAMPLING.fullmatch(key)) and match[3] == "conv.weight" and value.dim() == 3
    }
    state: dict[str, Tensor] = {}
    for key, value in decoder.items():
        name = key
        if match := BLOCK.match(key):
            name = f"1.parts.{int(match[1]) + 1}.{match[2]}"
        elif key.startswith("pre_transformer.norm."):
            name = key.replace("pre_transformer.norm", f"1.parts.{layers + 1}.module")
        elif key.startswith("pre_transformer.output_proj."):
            name = key.replace("pre_transformer.output_proj", f"1.parts.{layers + 2}.module")
        elif match := UPSAMPLING.match(key):
            first = 3 * int(match[1])
            if match[2] == "0":
                name = f"2.parts.{first}.module"
                name, value = _as_product(name, match[3], value, strides.get(match[1], 1))
            else:
                name = f"2.parts.{first + 2}.{match[3]}"
        for pattern, replacement in RENAMINGS:
            name = re.sub(pattern, replacement, name)
        state[name] = value
    return _joined(state)


def _as_product(name: str, end: str, value: Tensor, stride: int) -> tuple[str, Tensor]:
    """Return a transposed convolution whose taps do not overlap as a product that gives them side by side."""
    if end == "conv.bias":
        return f"{name}.bias", value.repeat(stride)
    return f"{name}.weight", value.permute(2, 1, 0).flatten(0, 1)


def _joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for own, ends in PARTS_TO_JOIN.items():
        firsts = [name for name in state if name.endswith(f".{ends[0]}.weight")]
        for first in firsts:
            stem = first.removesuffix(f"{ends[0]}.weight")
            names = [f"{stem}{end}.weight" for end in ends]
            missing = [name for name in names if name not in state]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
            state[f"{stem}{own}.weight"] = torch.cat([state.pop(name) for name in names])
    return state


FAMILY = Family(Config, build, published=own_qwen3_tts, bare=True)

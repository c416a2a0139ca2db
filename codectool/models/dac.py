"""The Descript Audio Codec: convolutions with Snake, and codebooks of 8 dimensions searched by direction.

Source: Kumar et al., High-Fidelity Audio Compression with Improved RVQGAN (arXiv 2306.06546), and the
published code, package `descript-audio-codec`, whose numbers for whole recordings it reproduces. There, a
stride that is odd (24 and 16 kHz) loses a step at the end; here it is kept, so that every frame makes a hop,
and the last few milliseconds differ. The loudness that its command line takes out is not part of the model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from codectool.models.family import Family, stacked_codebooks
from codectool.nn.convolution import Pointwise
from codectool.nn.dac_blocks import KERNEL, centred, decoder_block, encoder_block
from codectool.nn.factorized import FactorizedQuantizer
from codectool.nn.framing import WholeHops
from codectool.nn.layer import Chain, Layer
from codectool.nn.snake import Snake

LAST_KERNEL = 3  # of the encoder
PIECE_S = 0.25  # at once: what the widest layers make of it takes 20 MB


@dataclass(frozen=True)
class Config:
    """All that determines a DAC model but its weights; the defaults are the 44 kHz model's."""

    sample_rate_hz: int = 44_100
    levels: int = 9
    codebook_size: int = 1024
    codebook_dim: int = 8
    latent_dim: int = 1024
    encoder_width: int = 64
    decoder_width: int = 1536
    strides: tuple[int, ...] = (2, 4, 8, 8)  # of the encoder; the decoder's are the same, from the last

    @property
    def hop_samples(self) -> int:
        """Samples a frame."""
        return math.prod(self.strides)


class DacCodec(nn.Module):
    """Encoder, quantizer and decoder of one DAC model.

    `encoder` takes audio `[batch, samples, 1]` to latents `[batch, frames, latent_dim]`, `decoder` takes them
    back.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        frames = max(1, round(PIECE_S * config.sample_rate_hz / config.hop_samples))
        network = Chain(_encoder_parts(config), piece=frames * config.hop_samples)
        self.encoder = Chain([WholeHops(config.hop_samples), network])
        self.quantizer = FactorizedQuantizer(
            (1,) * config.levels, config.codebook_size, config.codebook_dim, config.latent_dim
        )
        self.decoder = Chain(_decoder_parts(config), piece=frames)

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return -(-samples // self.config.hop_samples)


def _encoder_parts(config: Config) -> list[Layer]:
    width = config.encoder_width
    parts: list[Layer] = [centred(1, width, KERNEL)]
    for stride in config.strides:
        parts.append(encoder_block(width, stride))
        width *= 2
    return [*parts, Snake(width), centred(width, config.latent_dim, LAST_KERNEL)]


def _decoder_parts(config: Config) -> list[Layer]:
    width = config.decoder_width
    parts: list[Layer] = [centred(config.latent_dim, width, KERNEL)]
    for stride in reversed(config.strides):
        parts.append(decoder_block(width, stride))
        width //= 2
    return [*parts, Snake(width), centred(width, 1, KERNEL), Pointwise(nn.Tanh())]


def build(config: Config) -> DacCodec:
    """Return a model of this shape with untrained weights."""
    return DacCodec(config)


CODEBOOK = re.compile(r"quantizer\.quantizers\.(\d+)\.codebook\.weight")
ENCODER_STRIDE = re.compile(r"encoder\.block\.(\d+)\.(?:block\.4|conv1)\.")
PROJECTION = re.compile(r"quantizer\.quantizers\.(\d+)\.(in|out)_proj\.(weight|bias)")


def own_name(published: str, blocks: int) -> str:
    """Return our name of a tensor, from the published code's or Hugging Face's.

    `blocks` is the number of blocks that change the rate on each side; Hugging Face counts those alone.
    """
    if match := PROJECTION.fullmatch(published):
        return f"quantizer.project_{match[2]}.{match[1]}.{match[3]}"
    name = _official_name(published, blocks)
    name = re.sub(r"^encoder\.block\.", "encoder.parts.1.parts.", name)
    name = re.sub(r"^decoder\.model\.", "decoder.parts.", name)
    name = re.sub(
        r"^(encoder\.parts\.1|decoder)\.parts\.(\d+)\.block\.(\d+)\.", r"\1.parts.\2.parts.\3.", name
    )
    name = re.sub(r"\.block\.(\d)\.", r".inner.parts.\1.", name)
    return re.sub(r"\.(weight|bias)$", r".convolution.\1", name)


def _official_name(key: str, blocks: int) -> str:
    """Return what the published code calls a tensor, from its own name for it or Hugging Face's."""
    side, _, rest = key.partition(".")
    root = {"encoder": "encoder.block", "decoder": "decoder.model"}.get(side)
    if root is None:
        return key
    outer = {"conv1": 0, "snake1": blocks + 1, "conv2": blocks + 2}
    head, _, tail = rest.partition(".")
    if head in outer:
        return f"{root}.{outer[head]}.{tail}"
    match = re.fullmatch(r"block\.(\d+)\.(res_unit\d|snake1|conv1|conv_t1)\.(.+)", rest)
    if match is None:
        return key
    first = 0 if side == "encoder" else 2
    inner = {f"res_unit{unit + 1}": first + unit for unit in range(3)}
    inner |= {"snake1": 3, "conv1": 4} if side == "encoder" else {"snake1": 0, "conv_t1": 1}
    unit = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}
    tail = match[3]
    if match[2].startswith("res_unit"):
        part, _, end = tail.partition(".")
        tail = f"block.{unit.get(part, part)}.{end}"
    return f"{root}.{int(match[1]) + 1}.block.{inner[match[2]]}.{tail}"


def own_dac(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under our names, weight norm folded; ValueError for what cannot be a DAC checkpoint."""
    blocks = len(
        {
            match[1]
            for key in tensors
            if (match := re.match(r"encoder\.block\.(\d+)\.(?:block\.4|conv1)\.", key))
        }
    )
    state: dict[str, Tensor] = {}
    codebooks: dict[int, Tensor] = {}
    for key, value in tensors.items():
        if match := CODEBOOK.fullmatch(key):
            codebooks[int(match[1])] = value
            continue
        name = own_name(key, blocks)
        if name in state:
            raise ValueError("it holds some tensors twice, under two names")
        if name.endswith(".alpha"):
            value = value.flatten()
        elif PROJECTION.fullmatch(key) and value.dim() == 3:
            value = value.squeeze(2)
        state[name] = value
    if codebooks:
        state["quantizer.codebooks"] = stacked_codebooks(codebooks)
    return state


FAMILY = Family(Config, build, published=own_dac, has_bfloat16=False, bare=True)

"""SNAC: DAC's layers with depthwise convolutions, and codebooks of several rates.

A frame of the stream is one code of the slowest codebook. The others have 2, 4 and 8 codes in it, which are
levels of their own, in the order of time.

The published decoder multiplies noise of its own into the sound, and no two runs of it agree. Here that noise
is left out, which gives the mean of what it makes, the same at every time and place. Without it, the numbers
are those of the published code.

Where attention has windows, the published code fills up the last window, and codes and decodes all of it.
Here no codes stand for what is beyond the recording, and the last window is as short as what it holds.

Source: Siuzdak et al., SNAC (arXiv 2410.14411), and the published code, package `snac`.
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
from codectool.nn.framing import FilledUp, Fold, Unfold
from codectool.nn.layer import Chain, Layer
from codectool.nn.local_attention import LocalAttention
from codectool.nn.snake import Snake
from codectool.nn.zero_padded import ZeroPaddedConvolution


@dataclass(frozen=True)
class Config:
    """All that determines a SNAC model but its weights; the defaults are the 24 kHz model's."""

    sample_rate_hz: int = 24_000
    rows_per_codebook: tuple[int, ...] = (1, 2, 4)
    codebook_size: int = 4096
    codebook_dim: int = 8
    encoder_width: int = 48
    decoder_width: int = 1024
    strides: tuple[int, ...] = (2, 4, 8, 8)  # of the encoder; the decoder's are the same, from the last
    window: int | None = None  # steps that attention sees at once; None: there is no attention

    @property
    def latent_dim(self) -> int:
        """The width of latents."""
        width: int = self.encoder_width * 2 ** len(self.strides)
        return width

    @property
    def steps(self) -> int:
        """Steps of latents a frame."""
        return self.rows_per_codebook[-1]

    @property
    def hop_samples(self) -> int:
        """Samples a frame."""
        hop: int = math.prod(self.strides) * self.steps
        return hop

    @property
    def whole_frames(self) -> int:
        """The frames of which the encoder fills a recording up to a multiple: its windows are whole then."""
        return math.lcm(self.steps, self.window or 1) // self.steps

    @property
    def levels(self) -> int:
        """Codes a frame."""
        return sum(self.rows_per_codebook)


class SnacCodec(nn.Module):
    """Encoder, quantizer and decoder of one SNAC model.

    `encoder` takes audio `[batch, samples, 1]` to latents `[batch, frames, steps * latent_dim]`, `decoder`
    takes them back.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        network = Chain([Chain(_encoder_parts(config)), Fold(config.steps)])
        self.encoder = FilledUp(network, config.hop_samples, config.whole_frames)
        self.quantizer = FactorizedQuantizer(
            config.rows_per_codebook, config.codebook_size, config.codebook_dim, config.latent_dim
        )
        self.decoder = Chain([Unfold(config.steps), Chain(_decoder_parts(config))])

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        return -(-samples // self.config.hop_samples)


def _encoder_parts(config: Config) -> list[Layer]:
    width = config.encoder_width
    parts: list[Layer] = [centred(1, width, KERNEL)]
    for stride in config.strides:
        parts.append(encoder_block(width, stride, groups=width))
        width *= 2
    if config.window is not None:
        parts.append(LocalAttention(width, config.window))
    return [*parts, centred(width, width, KERNEL, groups=width)]


def _decoder_parts(config: Config) -> list[Layer]:
    width = config.decoder_width
    parts: list[Layer] = [
        centred(config.latent_dim, config.latent_dim, KERNEL, groups=config.latent_dim),
        ZeroPaddedConvolution(config.latent_dim, width, 1),
    ]
    if config.window is not None:
        parts.append(LocalAttention(width, config.window))
    for stride in reversed(config.strides):
        parts.append(decoder_block(width, stride, groups=width // 2))
        width //= 2
    return [*parts, Snake(width), centred(width, 1, KERNEL), Pointwise(nn.Tanh())]


def build(config: Config) -> SnacCodec:
    """Return a model of this shape with untrained weights."""
    return SnacCodec(config)


NOISE = re.compile(r"decoder\.model\.\d+\.block\.2\.linear\.weight")
CODEBOOK = re.compile(r"quantizer\.quantizers\.(\d+)\.codebook\.weight")
RENAMINGS = (
    (r"^quantizer\.quantizers\.(\d+)\.(in|out)_proj\.", r"quantizer.project_\2.\1."),
    (r"^(encoder)\.block\.", r"\1.inner.parts.0.parts."),
    (r"^(decoder)\.model\.", r"\1.parts.1.parts."),
    (r"\.to_qkv\.", ".queries_keys_values."),
    (r"\.to_out\.", ".out."),
    (r"^((?:encoder\.inner\.parts\.0|decoder\.parts\.1)\.parts\.\d+)\.block\.", r"\1.parts."),
    (r"\.block\.(\d)\.", r".inner.parts.\1."),
)
PLAIN = re.compile(r"\.(?:norm|out|queries_keys_values|project_in\.\d+|project_out\.\d+)\.(?:weight|bias)$")


def own_name(published: str, has_noise: bool) -> str:
    """Return our name of a tensor that the published code calls so, weight norm folded."""
    behind_noise = re.fullmatch(r"(decoder\.model\.\d+\.block)\.([3-9])\.(.+)", published)
    if has_noise and behind_noise:
        published = f"{behind_noise[1]}.{int(behind_noise[2]) - 1}.{behind_noise[3]}"
    for pattern, replacement in RENAMINGS:
        published = re.sub(pattern, replacement, published)
    if PLAIN.search(published):
        return published
    return re.sub(r"\.(weight|bias)$", r".convolution.\1", published)


def own_snac(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under our names, weight norm folded; ValueError for what cannot be a SNAC checkpoint."""
    has_noise = any(NOISE.fullmatch(key) for key in tensors)
    state: dict[str, Tensor] = {}
    codebooks: dict[int, Tensor] = {}
    for key, value in tensors.items():
        if match := CODEBOOK.fullmatch(key):
            codebooks[int(match[1])] = value
        elif not NOISE.fullmatch(key) and not key.endswith((".inv_freq", ".rel_pos.scale")):
            name = own_name(key, has_noise)
            if name.endswith(".alpha"):
                value = value.flatten()
            elif ".project_" in name and value.dim() == 3:
                value = value.squeeze(2)
            state[name] = value
    if codebooks:
        state["quantizer.codebooks"] = stacked_codebooks(codebooks)
    return state


FAMILY = Family(Config, build, published=own_snac, has_bfloat16=False, bare=True)

"""The EnCodec family: SEANet with an LSTM on both sides of a residual vector quantizer.

Source: Défossez et al., High Fidelity Neural Audio Compression (arXiv 2210.13438), and the published code,
package `encodec`, whose numbers it reproduces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from codectool.models.family import Family, stacked_codebooks
from codectool.nn.elu import Elu
from codectool.nn.layer import Chain, Layer
from codectool.nn.quantizer import ResidualVectorQuantizer
from codectool.nn.recurrent import ResidualLSTM
from codectool.nn.seanet import ResidualBlock
from codectool.nn.seanet_convolution import ReflectedConvolution, TransposedConvolution

OUTER_KERNEL = 7  # of the first and the last convolution on each side
LSTM_LAYERS = 2
SCALE_FLOOR = 1e-8  # of a segment of silence


@dataclass(frozen=True)
class Config:
    """All that determines an EnCodec model but its weights; the defaults are the 24 kHz model's."""

    sample_rate_hz: int = 24_000
    channels: int = 1
    levels: int = 32
    codebook_size: int = 1024
    latent_dim: int = 128
    filters: int = 32  # channels at the sample rate
    ratios: tuple[int, ...] = (8, 5, 4, 2)  # of rates, from the frames to the samples
    causal: bool = True
    group_norm: bool = False
    identity_skip: bool = False
    normalized: bool = False  # a segment's loudness is taken out and kept beside its codes

    @property
    def hop_samples(self) -> int:
        """Samples a frame."""
        return math.prod(self.ratios)


class EncodecCodec(nn.Module):
    """Encoder, quantizer and decoder of one EnCodec model.

    `encoder` takes audio `[batch, samples, channels]` to latents `[batch, frames, latent_dim]`, `decoder`
    takes them back. They number their parts as the published code does.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Chain(_encoder_parts(config))
        self.quantizer = ResidualVectorQuantizer(config.levels, config.codebook_size, config.latent_dim)
        self.decoder = Chain(_decoder_parts(config))

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make, of a stream or of a segment."""
        return -(-samples // self.config.hop_samples)

    def encode_segment(self, audio: Tensor, levels: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the codes `[batch, levels, frames]` and scales `[batch]` of segments or whole recordings.

        `audio` is `[batch, samples, channels]`, one sample at least. The scales are 1 without normalization.
        """
        scale = audio.new_ones(len(audio))
        if self.config.normalized:
            scale = SCALE_FLOOR + audio.mean(dim=2).square().mean(dim=1).sqrt()
            audio = audio / scale[:, None, None]
        return self.quantizer.encode(self.encoder(audio), levels), scale

    def decode_segment(self, codes: Tensor, scale: Tensor) -> Tensor:
        """Return the audio `[batch, samples, channels]` of segments, a hop for each frame.

        `codes` are `[batch, levels, frames]`, and `scale` is `[batch]`.
        """
        audio: Tensor = self.decoder(self.quantizer.decode(codes))
        return audio * scale[:, None, None]


def _encoder_parts(config: Config) -> list[Layer]:
    causal, group_norm = config.causal, config.group_norm
    width = config.filters
    parts: list[Layer] = [
        ReflectedConvolution(config.channels, width, OUTER_KERNEL, causal=causal, group_norm=group_norm)
    ]
    for ratio in reversed(config.ratios):
        parts += [
            ResidualBlock(width, config.identity_skip, causal, group_norm),
            Elu(),
            ReflectedConvolution(width, 2 * width, 2 * ratio, ratio, causal, group_norm),
        ]
        width *= 2
    last = ReflectedConvolution(width, config.latent_dim, OUTER_KERNEL, 1, causal, group_norm)
    return [*parts, ResidualLSTM(width, LSTM_LAYERS), Elu(), last]


def _decoder_parts(config: Config) -> list[Layer]:
    causal, group_norm = config.causal, config.group_norm
    width = config.filters * 2 ** len(config.ratios)
    parts: list[Layer] = [
        ReflectedConvolution(config.latent_dim, width, OUTER_KERNEL, 1, causal, group_norm),
        ResidualLSTM(width, LSTM_LAYERS),
    ]
    for ratio in config.ratios:
        parts += [
            Elu(),
            TransposedConvolution(width, width // 2, ratio, causal, group_norm),
            ResidualBlock(width // 2, config.identity_skip, causal, group_norm),
        ]
        width //= 2
    return [
        *parts,
        Elu(),
        ReflectedConvolution(width, config.channels, OUTER_KERNEL, 1, causal, group_norm),
    ]


def build(config: Config) -> EncodecCodec:
    """Return a model of this shape with untrained weights."""
    return EncodecCodec(config)


# How the official names of tensors, weight norm folded, become ours, in this order.
RENAMINGS = (
    (r"^(encoder|decoder)\.model\.", r"\1.parts."),
    (r"\.block\.1\.", ".narrow."),
    (r"\.block\.3\.", ".wide."),
    (r"\.shortcut\.", ".skip."),
    (r"\.(conv|convtr)\.\1\.", ".convolution."),
    (r"\.(conv|convtr)\.norm\.", ".norm."),
)
OFFICIAL_CODEBOOK = re.compile(r"quantizer\.vq\.layers\.(\d+)\._codebook\.embed")
TRAINING_ONLY = (".inited", ".cluster_size", ".embed_avg")  # of a codebook; coding never reads them
HUGGING_FACE_CODEBOOK = re.compile(r"quantizer\.layers\.(\d+)\.codebook\.(\w+)")
HUGGING_FACE_LAYER = re.compile(
    r"(encoder|decoder)\.layers\.(\d+)\.((?:block\.\d+\.|shortcut\.)?)(conv|norm|lstm)\.(.+)"
)
HUGGING_FACE_DECODER = re.compile(r"decoder\.layers\.(\d+)\.conv\.")


def own_name(official: str) -> str:
    """Return our name of a tensor, from the published code's, after weight norm is folded.

    All codebooks have one name, since they are stacked, level by level.
    """
    if OFFICIAL_CODEBOOK.fullmatch(official):
        return "quantizer.codebooks"
    for pattern, replacement in RENAMINGS:
        official = re.sub(pattern, replacement, official)
    return official


def official_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the official name of each tensor, from Hugging Face's names or the official ones.

    Hugging Face's names do not say how a convolution is wrapped, and so which are transposed. Those are the
    decoder's that stand directly on its list of layers, but for the first and the last.
    """
    keys = list(keys)
    outermost = [int(match[1]) for key in keys if (match := HUGGING_FACE_DECODER.match(key))]
    plain = {min(outermost), max(outermost)} if outermost else set()

    def official(key: str) -> str:
        if codebook := HUGGING_FACE_CODEBOOK.fullmatch(key):
            return "quantizer.vq.layers.{}._codebook.{}".format(*codebook.groups())
        layer = HUGGING_FACE_LAYER.fullmatch(key)
        if layer is None:
            return key
        side, index, block, kind, rest = layer.groups()
        wrapper = "convtr" if side == "decoder" and not block and int(index) not in plain else "conv"
        inner = {"conv": f"{wrapper}.{wrapper}", "norm": f"{wrapper}.norm", "lstm": "lstm"}[kind]
        return f"{side}.model.{index}.{block}{inner}.{rest}"

    return {key: official(key) for key in keys}


def from_published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under our names, from those of a checkpoint with the official or Hugging Face's names.

    Weight norm is folded already. Raises ValueError when two names mean one tensor, or the codebooks do not
    fit.
    """
    names = official_names(key for key in tensors if not key.endswith(TRAINING_ONLY))
    if len(set(names.values())) < len(names):
        raise ValueError("it holds some tensors twice, under two names")
    official = {names[key]: tensors[key] for key in names}
    codebooks = {
        int(match[1]): value for key, value in official.items() if (match := OFFICIAL_CODEBOOK.fullmatch(key))
    }
    state = {own_name(key): value for key, value in official.items()}
    if codebooks:
        state["quantizer.codebooks"] = stacked_codebooks(codebooks)
    return state


FAMILY = Family(Config, build, published=from_published)

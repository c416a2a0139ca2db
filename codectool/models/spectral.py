"""The spectral family: a neural codec that works at the frame rate on a short-time Fourier transform.

Its relatives are Vocos (arXiv 2306.00814: magnitude and phase from ConvNeXt blocks over frames) and
SoundStream (arXiv 2107.03312: causal, residual vector quantization).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codectool.models.family import Family
from codectool.nn.convolution import CausalConvolution, ConvNeXtBlock, Pointwise
from codectool.nn.layer import Chain, Layer
from codectool.nn.quantizer import ResidualVectorQuantizer
from codectool.nn.transform import Analysis, Synthesis

BLOCKS_LIMIT = 100  # a weights file says how many, and each takes memory before its weights are looked for


@dataclass(frozen=True)
class Config:
    """All that determines the shape of a spectral model."""

    sample_rate_hz: int = 24_000
    hop_samples: int = 320  # 75 frames a second at 24 kHz
    levels: int = 32
    codebook_size: int = 1024
    latent_dim: int = 64
    encoder_width: int = 256
    encoder_blocks: int = 8
    decoder_width: int = 256
    decoder_blocks: int = 8
    kernel: int = 7
    expansion: int = 3

    def __post_init__(self) -> None:
        if max(self.encoder_blocks, self.decoder_blocks) > BLOCKS_LIMIT:
            raise ValueError(f"more than {BLOCKS_LIMIT} blocks")


MAGNITUDE_FLOOR = 1e-5  # far below 16-bit rounding noise, whose bins have a magnitude of about 1e-5
COMPRESSION = 0.3  # exponent for magnitudes, which brings loud and quiet bins to like sizes
LOG_MAGNITUDE_MAXIMUM = (
    5.0  # natural log; a full-scale sine reaches 2.1, so this only stops runaway exponents
)
INITIAL_LOG_MAGNITUDE = -5.0  # an untrained decoder is quiet, like most bins of most frames


class SpectralFeatures(nn.Module):
    """Compress spectra `[..., 2 * bins]` to real parts, imaginary parts, log magnitudes `[..., 3 * bins]`."""

    def forward(self, spectrum: Tensor) -> Tensor:
        real, imaginary = spectrum.chunk(2, dim=-1)
        power = real.square() + imaginary.square() + MAGNITUDE_FLOOR**2
        log_power = power.log()
        gain = (log_power * ((COMPRESSION - 1) / 2)).exp()  # a power of the magnitude, for less than pow()
        log_magnitude = log_power * 0.1  # about -2.3 to 0.5, of the others' order of size
        return torch.cat((real * gain, imaginary * gain, log_magnitude), dim=-1)


class PolarSpectrum(nn.Module):
    """Turn log magnitudes, then phases in radians, `[..., 2 * bins]`, into real, then imaginary parts."""

    def forward(self, x: Tensor) -> Tensor:
        log_magnitude, phase = x.float().chunk(2, dim=-1)
        magnitude = log_magnitude.clamp(max=LOG_MAGNITUDE_MAXIMUM).exp()
        return torch.cat((magnitude * phase.cos(), magnitude * phase.sin()), dim=-1)


class SpectralCodec(nn.Module):
    """Encoder, quantizer and decoder of one spectral model.

    `encoder` takes audio `[batch, samples, 1]` to latents `[batch, frames, latent_dim]`; `decoder` takes them
    back, `decoder.latency` samples late.
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        bins = config.hop_samples + 1
        self.encoder = Chain(
            [
                Analysis(config.hop_samples),
                Pointwise(SpectralFeatures()),
                Pointwise(nn.Linear(3 * bins, config.encoder_width)),
                Pointwise(nn.LayerNorm(config.encoder_width)),
                *_blocks(config.encoder_width, config.encoder_blocks, config),
                Pointwise(nn.LayerNorm(config.encoder_width)),
                Pointwise(nn.Linear(config.encoder_width, config.latent_dim)),
                # Left free, the latents grow along loudness alone, and the codebooks code nothing else.
                Pointwise(nn.LayerNorm(config.latent_dim, elementwise_affine=False)),
            ]
        )
        self.quantizer = ResidualVectorQuantizer(config.levels, config.codebook_size, config.latent_dim)
        self.decoder = Chain(
            [
                CausalConvolution(config.latent_dim, config.decoder_width, config.kernel),
                Pointwise(nn.LayerNorm(config.decoder_width)),
                *_blocks(config.decoder_width, config.decoder_blocks, config),
                Pointwise(nn.LayerNorm(config.decoder_width)),
                Pointwise(_polar_head(config.decoder_width, bins)),
                Pointwise(PolarSpectrum()),
                Synthesis(config.hop_samples),
            ]
        )

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make: whole hops, and one frame to complete the last."""
        return -(-samples // self.config.hop_samples) + 1 if samples else 0


def _blocks(width: int, count: int, config: Config) -> list[Layer]:
    return [ConvNeXtBlock(width, config.kernel, config.expansion, 1 / count) for _ in range(count)]


def _polar_head(width: int, bins: int) -> nn.Linear:
    head = nn.Linear(width, 2 * bins)
    nn.init.constant_(head.bias[:bins], INITIAL_LOG_MAGNITUDE)
    return head


def build(config: Config) -> SpectralCodec:
    """Return a model of this shape with untrained weights."""
    return SpectralCodec(config)


# Scores change by 3 % of their errors at most with bfloat16 (benchmarks/precision.csv).
FAMILY = Family(Config, build, bears_bfloat16=True)

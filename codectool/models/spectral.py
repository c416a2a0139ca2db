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
from codectool.nn.layer import Chain, Fork, Layer
from codectool.nn.quantizer import ResidualVectorQuantizer
from codectool.nn.transform import Analysis, Synthesis
from codectool.nn.wave import OTHERS, WaveNumbers, WaveSpectrum, log_loudness_of

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
    wave_dim: int = 0  # the last of the latent's numbers, which carry the wave itself (nn.wave); 0: none
    wave_blocks: int = 3  # of the decoder, where there is a wave

    def __post_init__(self) -> None:
        if max(self.encoder_blocks, self.decoder_blocks, self.wave_blocks) > BLOCKS_LIMIT:
            raise ValueError(f"more than {BLOCKS_LIMIT} blocks")
        kept = self.wave_dim - OTHERS
        if self.wave_dim and not (0 < kept <= self.hop_samples and self.wave_dim < self.latent_dim):
            raise ValueError(f"a wave path of {self.wave_dim} numbers")


MAGNITUDE_FLOOR = 1e-5  # far below 16-bit rounding noise, whose bins have a magnitude of about 1e-5
COMPRESSION = 0.3  # exponent for magnitudes, which brings loud and quiet bins to like sizes
LOG_MAGNITUDE_MAXIMUM = (
    5.0  # natural log; a full-scale sine reaches 2.1, so this only stops runaway exponents
)
LOG_NOISE_MAXIMUM = 5.0  # natural log, relative to the loudness: a gate as good as shut
WAVE_EVIDENCE = 0.1  # of a wave's power, which is partly noise: a tone's is far above, a noise's is not
HINT_GAIN = 25.0  # before a log: numbers of the wave are about 0.3, and 4 where one is all of a frame
INITIAL_LOG_MAGNITUDE = -5.0  # an untrained decoder is quiet, like most bins of most frames


class SpectralFeatures(nn.Module):
    """Compresses spectra `[..., 2 * bins]` to real, imaginary parts and log magnitudes `[..., 3 * bins]`."""

    def forward(self, spectrum: Tensor) -> Tensor:
        real, imaginary = spectrum.chunk(2, dim=-1)
        power = real.square() + imaginary.square() + MAGNITUDE_FLOOR**2
        log_power = power.log()
        gain = (log_power * ((COMPRESSION - 1) / 2)).exp()  # a power of the magnitude, for less than pow()
        log_magnitude = log_power * 0.1  # about -2.3 to 0.5, of the others' order of size
        return torch.cat((real * gain, imaginary * gain, log_magnitude), dim=-1)


class PolarSpectrum(nn.Module):
    """Turns log magnitudes and phases in radians `[..., 2 * bins]` into real and imaginary parts."""

    def forward(self, x: Tensor) -> Tensor:
        log_magnitude, phase = x.float().chunk(2, dim=-1)
        magnitude = log_magnitude.clamp(max=LOG_MAGNITUDE_MAXIMUM).exp()
        return torch.cat((magnitude * phase.cos(), magnitude * phase.sin()), dim=-1)


class Columns(nn.Module):
    """Takes some of the columns: `[..., first:last]`."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.first : self.last]


class WaveHints(nn.Module):
    """Turns the wave path's numbers, which come last, into sizes without signs, which a network can use."""

    def __init__(self, wave_dim: int) -> None:
        super().__init__()
        self.wave_dim = wave_dim

    def forward(self, x: Tensor) -> Tensor:
        others, numbers = x[..., : -self.wave_dim], x[..., -self.wave_dim :]
        sizes = torch.log1p(HINT_GAIN * numbers[..., :-OTHERS].abs()) / 2  # 0 to about 3
        return torch.cat((others, sizes, numbers[..., -OTHERS:] / 4), dim=-1)


class GatedSpectrum(nn.Module):
    """Adds the spectrum of the wave path to the one that the network paints, each bin by a gate.

    The input holds, for each bin: the painted log magnitudes and phases, which know nothing of the wave;
    then, from the blocks that know it, corrections of both, and the natural log of the noise, relative to the
    loudness. The wave path's numbers come last.

    The gate is a Wiener filter's: the painted power and the wave's over the sum of both and the noise. It
    lets pass what stands out of the coding noise. What it lets pass is not painted. Where there is no wave,
    all is painted, and not corrected.
    """

    def __init__(self, hop: int, wave_dim: int) -> None:
        super().__init__()
        self.wave_dim = wave_dim
        self.polar = PolarSpectrum()
        self.wave = WaveSpectrum(hop, wave_dim)

    def forward(self, x: Tensor) -> Tensor:
        head, numbers = x[..., : -self.wave_dim].float(), x[..., -self.wave_dim :].float()
        log_magnitude, phase, louder, turned, log_noise = head.chunk(5, dim=-1)
        present = numbers[..., -1:]  # one where there is a wave worth hearing, else zero
        corrected = (log_magnitude + present * louder, phase + present * turned)
        painted, wave = self.polar(torch.cat(corrected, dim=-1)), self.wave(numbers)
        real, imaginary = (painted.square() + WAVE_EVIDENCE * wave.square()).chunk(2, dim=-1)
        power = real + imaginary
        noise = (log_noise.clamp(max=LOG_NOISE_MAXIMUM) + 2 * log_loudness_of(numbers)).exp()
        gate = present * power / (power + noise)
        spectrum: Tensor = _both(1 - gate) * painted + _both(gate) * wave
        return spectrum


def _both(values: Tensor) -> Tensor:
    """Repeat values of bins for the real parts and the imaginary ones."""
    return torch.cat((values, values), dim=-1)


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
        listen, paint = _encoder_network(config), _decoder_network(config)
        hop, wave_dim = config.hop_samples, config.wave_dim
        if wave_dim:
            listen = [Fork([Chain(listen), Pointwise(WaveNumbers(hop, wave_dim))])]
            paint = _with_wave(config, paint)
        self.encoder = Chain([Analysis(hop), *listen])
        self.quantizer = ResidualVectorQuantizer(config.levels, config.codebook_size, config.latent_dim)
        spectrum = GatedSpectrum(hop, wave_dim) if wave_dim else PolarSpectrum()
        self.decoder = Chain([*paint, Pointwise(spectrum), Synthesis(hop)])

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make: whole hops, and one frame to complete the last."""
        return -(-samples // self.config.hop_samples) + 1 if samples else 0


def _encoder_network(config: Config) -> list[Layer]:
    """Return the layers from a spectrum to the numbers that are the network's."""
    painted_dim = config.latent_dim - config.wave_dim
    return [
        Pointwise(SpectralFeatures()),
        Pointwise(nn.Linear(3 * (config.hop_samples + 1), config.encoder_width)),
        Pointwise(nn.LayerNorm(config.encoder_width)),
        *_blocks(config.encoder_width, config.encoder_blocks, config),
        Pointwise(nn.LayerNorm(config.encoder_width)),
        Pointwise(nn.Linear(config.encoder_width, painted_dim)),
        # Left free, the latents grow along loudness alone, and the codebooks code nothing else.
        Pointwise(nn.LayerNorm(painted_dim, elementwise_affine=False)),
    ]


def _decoder_network(config: Config) -> list[Layer]:
    """Return the layers from the network's numbers to log magnitudes and phases."""
    head = nn.Linear(config.decoder_width, 2 * (config.hop_samples + 1))
    nn.init.constant_(head.bias[: config.hop_samples + 1], INITIAL_LOG_MAGNITUDE)
    return [
        CausalConvolution(config.latent_dim - config.wave_dim, config.decoder_width, config.kernel),
        Pointwise(nn.LayerNorm(config.decoder_width)),
        *_blocks(config.decoder_width, config.decoder_blocks, config),
        Pointwise(nn.LayerNorm(config.decoder_width)),
        Pointwise(head),
    ]


def _with_wave(config: Config, paint: list[Layer]) -> list[Layer]:
    """Return the layers from latents to what a gated spectrum takes, of those that paint.

    What is painted does not depend on the wave, so that without one it is what a model without a wave path
    paints. The blocks that know the wave see what the painting ones come to, before their last layer.
    """
    width, painted_dim = config.decoder_width, config.latent_dim - config.wave_dim
    *trunk, head = paint
    knowing = nn.Linear(width, 3 * (config.hop_samples + 1))
    nn.init.zeros_(knowing.weight)
    nn.init.zeros_(knowing.bias)
    wave = [
        Pointwise(WaveHints(config.wave_dim)),
        Pointwise(nn.Linear(width + config.wave_dim, width)),
        Pointwise(nn.LayerNorm(width)),
        *_blocks(width, config.wave_blocks, config),
        Pointwise(nn.LayerNorm(width)),
        Pointwise(knowing),
    ]
    numbers = Pointwise(Columns(width, width + config.wave_dim))
    painting = Chain([Pointwise(Columns(0, painted_dim)), *trunk])
    return [
        Fork([painting, Pointwise(Columns(painted_dim, config.latent_dim))]),
        Fork([Chain([Pointwise(Columns(0, width)), head]), Chain(wave), numbers]),
    ]


def _blocks(width: int, count: int, config: Config) -> list[Layer]:
    return [ConvNeXtBlock(width, config.kernel, config.expansion, 1 / count) for _ in range(count)]


def build(config: Config) -> SpectralCodec:
    """Return a model of this shape with untrained weights."""
    return SpectralCodec(config)


# Scores change by 3 % of their errors at most with bfloat16 (benchmarks/precision.csv).
FAMILY = Family(Config, build, bears_bfloat16=True)

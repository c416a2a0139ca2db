"""The spectral family: a neural codec that works at the frame rate on a short-time Fourier transform.

Its relatives are Vocos (arXiv 2306.00814: magnitude and phase from ConvNeXt blocks over frames) and
SoundStream (arXiv 2107.03312: causal, residual vector quantization).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from codectool.engines.torch_engine import Codec
from codectool.models.family import Family
from codectool.nn.column_quantizer import ColumnQuantizer
from codectool.nn.convolution import CausalConvolution, ConvNeXtBlock, Pointwise
from codectool.nn.envelope import PRESENCE, BandNumbers, CorrectedBands, band_edges
from codectool.nn.gate import Columns, GatedSpectrum, WaveHints
from codectool.nn.layer import Chain, Fork, Layer
from codectool.nn.quantizer import ResidualVectorQuantizer
from codectool.nn.spectra import PolarSpectrum, SpectralFeatures
from codectool.nn.stereo import LeftRight, MidSide, MidSidePolarSpectrum, for_each
from codectool.nn.transform import Analysis, Synthesis
from codectool.nn.wave import OTHERS, WaveNumbers

BLOCKS_LIMIT = 100  # a weights file says how many, and each takes memory before its weights are looked for
# Of the search, each of which costs as much again. With two channels they bring next to nothing.
CANDIDATES = {1: 4, 2: 1}
HOP_LIMIT = 1 << 16  # of bands, whose edges are looked for bin by bin


@dataclass(frozen=True)
class Config:
    """All that determines the shape of a spectral model."""

    sample_rate_hz: int = 24_000
    channels: int = 1  # or 2, coded together as mid and side (nn.stereo)
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
    wave_levels: int = 0  # the last of the levels, which code the wave itself (nn.wave); 0: none
    wave_dim: int = 0  # numbers that those levels code
    wave_blocks: int = 3  # of the decoder, beside those that paint
    envelope_levels: int = 0  # or the last of the levels, which code how loud bands are (nn.envelope)
    envelope_bands: int = 0  # of each channel, at most

    def __post_init__(self) -> None:
        if max(self.encoder_blocks, self.decoder_blocks, self.wave_blocks) > BLOCKS_LIMIT:
            raise ValueError(f"more than {BLOCKS_LIMIT} blocks")
        if self.channels not in (1, 2) or (self.wave_levels and (self.channels == 2 or self.envelope_levels)):
            raise ValueError(f"{self.channels} channels, {self.wave_levels} levels of a wave path")
        bands = self.envelope_bands
        fits = 0 < self.envelope_levels < self.levels and 0 < bands <= self.hop_samples <= HOP_LIMIT
        if (self.envelope_levels or bands) and not fits:
            raise ValueError(f"an envelope path of {bands} bands in {self.envelope_levels} levels")
        fits = 0 < self.wave_levels < self.levels and 0 < self.wave_dim - OTHERS <= self.hop_samples
        if (self.wave_levels or self.wave_dim) and not fits:
            raise ValueError(f"a wave path of {self.wave_dim} numbers in {self.wave_levels} levels")


INITIAL_LOG_MAGNITUDE = -5.0  # an untrained decoder is quiet, like most bins of most frames


class WavePath(nn.Module):
    """What the upper levels need beside a network that paints: a quantizer, blocks, and a gate."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hop, width = config.hop_samples, config.decoder_width
        self.numbers = Pointwise(WaveNumbers(hop, config.wave_dim))
        self.quantizer = _quantizer(config, config.wave_levels, config.wave_dim)
        knowing = nn.Linear(width, 3 * (hop + 1))  # nothing is corrected before it has learned
        nn.init.zeros_(knowing.weight)
        nn.init.zeros_(knowing.bias)
        self.knowing = Chain(
            [
                Pointwise(WaveHints(config.wave_dim)),
                Pointwise(nn.Linear(width + config.wave_dim, width)),
                Pointwise(nn.LayerNorm(width)),
                *_blocks(width, config.wave_blocks, config),
                Pointwise(nn.LayerNorm(width)),
                Pointwise(knowing),
            ]
        )
        self.gate = Pointwise(GatedSpectrum(hop, config.wave_dim))


class EnvelopePath(nn.Module):
    """What the upper levels need instead, where they code how loud bands are."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        edges = band_edges(config.envelope_bands, config.hop_samples + 1, config.sample_rate_hz)
        self.dim = config.channels * (len(edges) - 1) + PRESENCE
        self.numbers = Pointwise(BandNumbers(config.channels, edges))
        self.quantizer = _quantizer(config, config.envelope_levels, self.dim)
        self.corrected = Pointwise(CorrectedBands(config.channels, edges, config.envelope_levels))


@dataclass
class _WithPath:
    """A painting codec and a further path as one codec, made of the same layers."""

    painting: SpectralCodec
    encoder: Layer
    quantizer: ColumnQuantizer
    decoder: Layer

    @classmethod
    def of_bands(
        cls,
        painting: SpectralCodec,
        envelope: EnvelopePath,
        listen: list[Layer],
        paint: list[Layer],
        synthesis: list[Layer],
    ) -> _WithPath:
        """Put the bands' numbers behind the network's in the latents, and correct what is painted by them."""
        dim = painting.config.latent_dim
        analysis, *listening = listen
        encoder = Chain([analysis, Fork([Chain(listening), envelope.numbers])])
        painted, told = Pointwise(Columns(0, dim)), Pointwise(Columns(dim, dim + envelope.dim))
        decoder = Chain([Fork([Chain([painted, *paint]), told]), envelope.corrected, *synthesis])
        return cls(painting, encoder, ColumnQuantizer([painting.quantizer, envelope.quantizer]), decoder)

    @classmethod
    def of_wave(
        cls, painting: SpectralCodec, wave: WavePath, listen: list[Layer], paint: list[Layer]
    ) -> _WithPath:
        """Put the wave's numbers behind the network's in the latents, and the gate behind what paints.

        What is painted does not depend on the wave. The blocks that know it see what the painting ones come
        to before their last layer.
        """
        config = painting.config
        width, dim, wave_dim = config.decoder_width, config.latent_dim, config.wave_dim
        analysis, *listening = listen
        *trunk, head, _, synthesis = paint
        encoder = Chain([analysis, Fork([Chain(listening), wave.numbers])])
        latents = [Chain([Pointwise(Columns(0, dim)), *trunk]), Pointwise(Columns(dim, dim + wave_dim))]
        painted = Chain([Pointwise(Columns(0, width)), head])
        numbers = Pointwise(Columns(width, width + wave_dim))
        decoder = Chain([Fork(latents), Fork([painted, wave.knowing, numbers]), wave.gate, synthesis])
        return cls(painting, encoder, ColumnQuantizer([painting.quantizer, wave.quantizer]), decoder)

    def frames_for(self, samples: int) -> int:
        return self.painting.frames_for(samples)


class SpectralCodec(nn.Module):
    """Encoder, quantizer and decoder of one spectral model, as far as they paint; and a further path, if any.

    `encoder` takes audio `[batch, samples, channels]` to latents `[batch, frames, latent_dim]`; `decoder`
    takes them back, `decoder.latency` samples late. Levels beyond the quantizer's are the path's (`at`).
    """

    encoder: Layer
    decoder: Layer

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        levels = config.levels - config.wave_levels - config.envelope_levels
        listen = [_analysis(config), *_encoder_network(config)]
        paint, synthesis = _decoder_network(config), _synthesis(config)
        self.encoder = Chain(listen)
        self.quantizer = _quantizer(config, levels, config.latent_dim)
        self.decoder = Chain([*paint, *synthesis])
        self.stages = (levels,) if levels == config.levels else (levels, config.levels)
        if config.wave_levels:
            self.wave = WavePath(config)
            self._with_path: Codec = _WithPath.of_wave(self, self.wave, listen, [*paint, *synthesis])
        if config.envelope_levels:
            self.spectral_envelope = EnvelopePath(config)
            self._with_path = _WithPath.of_bands(self, self.spectral_envelope, listen, paint, synthesis)

    def at(self, levels: int) -> Codec:
        """Return what codes so many levels: up to the quantizer's own this codec, which costs less."""
        return self if levels <= self.quantizer.levels else self._with_path

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make: whole hops, and one frame to complete the last."""
        return -(-samples // self.config.hop_samples) + 1 if samples else 0


def _quantizer(config: Config, levels: int, dim: int) -> ResidualVectorQuantizer:
    candidates = min(CANDIDATES[config.channels], config.codebook_size)
    return ResidualVectorQuantizer(levels, config.codebook_size, dim, candidates)


def _analysis(config: Config) -> Layer:
    """Return the layer from audio to spectra, `[batch, frames, channels * 2 * bins]`."""
    hop = config.hop_samples
    if config.channels == 1:
        return Analysis(hop)
    return Chain([for_each(1, lambda: [Analysis(hop)]), Pointwise(MidSide())])


def _synthesis(config: Config) -> list[Layer]:
    """Return the layers from log magnitudes and phases to audio."""
    hop = config.hop_samples
    if config.channels == 1:
        return [Pointwise(PolarSpectrum()), Synthesis(hop)]
    polar = Pointwise(MidSidePolarSpectrum())
    return [polar, Pointwise(LeftRight()), for_each(2 * (hop + 1), lambda: [Synthesis(hop)])]


def _encoder_network(config: Config) -> list[Layer]:
    """Return the layers from spectra to latents."""
    bins = config.hop_samples + 1
    features: Layer = Pointwise(SpectralFeatures())
    if config.channels == 2:
        features = for_each(2 * bins, lambda: [Pointwise(SpectralFeatures())])
    return [
        features,
        Pointwise(nn.Linear(config.channels * 3 * bins, config.encoder_width)),
        Pointwise(nn.LayerNorm(config.encoder_width)),
        *_blocks(config.encoder_width, config.encoder_blocks, config),
        Pointwise(nn.LayerNorm(config.encoder_width)),
        Pointwise(nn.Linear(config.encoder_width, config.latent_dim)),
        # Left free, the latents grow along loudness alone, and the codebooks code nothing else.
        Pointwise(nn.LayerNorm(config.latent_dim, elementwise_affine=False)),
    ]


def _decoder_network(config: Config) -> list[Layer]:
    """Return the layers from latents to log magnitudes and phases."""
    head = nn.Linear(config.decoder_width, config.channels * 2 * (config.hop_samples + 1))
    # log magnitudes, then phases, of each channel
    nn.init.constant_(head.bias.view(config.channels, 2, -1)[:, 0], INITIAL_LOG_MAGNITUDE)
    return [
        CausalConvolution(config.latent_dim, config.decoder_width, config.kernel),
        Pointwise(nn.LayerNorm(config.decoder_width)),
        *_blocks(config.decoder_width, config.decoder_blocks, config),
        Pointwise(nn.LayerNorm(config.decoder_width)),
        Pointwise(head),
    ]


def _blocks(width: int, count: int, config: Config) -> list[Layer]:
    return [ConvNeXtBlock(width, config.kernel, config.expansion, 1 / count) for _ in range(count)]


def build(config: Config) -> SpectralCodec:
    """Return a model of this shape with untrained weights."""
    return SpectralCodec(config)


# Scores change by 3 % of their errors at most with bfloat16 (benchmarks/precision.csv).
FAMILY = Family(Config, build, bears_bfloat16=True)

"""Begin a model of two channels at 48 kHz from base_24khz: `python -m weights.recipe.widen IN OUT`.

A frame lasts as long and its bins lie as close in both, so that the trunk of one serves the other: what is
below 12 kHz of the mid is coded and painted as before. All that is new begins with little effect on it, and
the codebooks are left to be fitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec, build
from codectool.nn.spectra import COMPRESSION, MAGNITUDE_FLOOR
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_codec
from weights.recipe.options import weights_parser

LATENT_DIM, NARROW_LATENT_DIM = 96, 64
NEW_SCALE = 0.3  # of what is new, against what an untrained layer has: were it zero, it would hardly learn
LOUDER = math.sqrt(2)  # a bin of twice as many samples, in orthonormal scale
SEGMENTS, SEGMENT_S, BATCH = 96, 2, 8  # of training audio, to which new weights are fitted
RIDGE = 1e-3  # of the features' mean power
BANDS_HZ = (100, 200, 300, 450, 650, 900, 1200, 1600, 2200, 3000, 4000, 5500, 7500, 10_000, 14_000, 24_001)
HIGH_BANDS_HZ = (12_000, 13_500, 15_000, 17_000, 19_000, 21_000, 24_001)
FAINTEST_LEARNED = -3.0  # natural log, of the side over the mid: fainter ones would draw the guess to silence
STRENGTH = 0.35  # of what the trunks are told of the side, to what they are told already


def widened(narrow: SpectralCodec) -> SpectralCodec:
    """Return a model of twice the rate and two channels that does below 12 kHz what the narrow one does."""
    config = narrow.config
    wide = build(
        replace(
            config,
            sample_rate_hz=2 * config.sample_rate_hz,
            channels=2,
            hop_samples=2 * config.hop_samples,
            latent_dim=LATENT_DIM,
            wave_levels=0,
            wave_dim=0,
        )
    )
    state = narrow.state_dict()
    for name, value in wide.state_dict().items():  # parts of one have the numbers of the other's
        if name in state and state[name].shape == value.shape:
            value.copy_(state[name])
    _widen_features(narrow, wide)
    _widen_latents(narrow, wide)
    _widen_head(narrow, wide)
    return wide


def _linears(chain: torch.nn.Module) -> list[torch.nn.Linear]:
    return [part.module for part in chain.parts if isinstance(getattr(part, "module", None), torch.nn.Linear)]


@torch.no_grad()
def _widen_features(narrow: SpectralCodec, wide: SpectralCodec) -> None:
    """Let the first map see the mid's low bins as before: real parts, imaginary parts, log magnitudes."""
    old, new = _linears(narrow.encoder)[0], _linears(wide.encoder)[0]
    few, many = narrow.config.hop_samples + 1, wide.config.hop_samples + 1
    taken = old.weight.view(-1, 3, few)
    columns = NEW_SCALE * new.weight.view(len(new.weight), 2, 3, many)  # mid, then side
    columns[:, 0, :2, :few] = taken[:, :2] / LOUDER**COMPRESSION
    columns[:, 0, 2, :few] = taken[:, 2]
    new.weight.copy_(columns.flatten(1))
    new.bias.copy_(old.bias - 0.2 * math.log(LOUDER) * taken[:, 2].sum(1))  # 0.1 of the log of the power


@torch.no_grad()
def _widen_latents(narrow: SpectralCodec, wide: SpectralCodec) -> None:
    """Put new latents behind those that there were; `StereoFit` says what they mean."""
    old, new = _linears(narrow.encoder)[1], _linears(wide.encoder)[1]
    kept = len(old.weight)
    new.weight[:kept], new.bias[:kept] = old.weight, old.bias
    reads, read = (codec.decoder.parts[0].convolution for codec in (wide, narrow))
    reads.weight.mul_(NEW_SCALE)
    reads.weight[:, :kept] = read.weight
    reads.bias.copy_(read.bias)


@torch.no_grad()
def _widen_head(narrow: SpectralCodec, wide: SpectralCodec) -> None:
    """Let the last map paint the mid's low bins as before, and the side's with the mid's phases."""
    old, new = _linears(narrow.decoder)[-1], _linears(wide.decoder)[-1]
    few, many = narrow.config.hop_samples + 1, wide.config.hop_samples + 1
    weight, bias = new.weight.view(2, 2, many, -1), new.bias.view(2, 2, many)  # log magnitudes and phases
    weight[:, :, :few], bias[:, :, :few] = old.weight.view(2, few, -1), old.bias.view(2, few)
    bias[:, 0, :few] += math.log(LOUDER)


def mid_side_spectra(codec: SpectralCodec, sounds: Tensor) -> Tensor:
    """Return `[batch, frames, 2, 2, bins]` of sounds: mid and side, real and imaginary parts."""
    spectra: Tensor = codec.encoder.parts[0](sounds)
    return spectra.unflatten(-1, (2, 2, -1))


def power_of(spectra: Tensor) -> Tensor:
    """Return the power of each bin `[..., bins]` of spectra `[..., 2, bins]`, with the features' floor."""
    return spectra.square().sum(-2) + MAGNITUDE_FLOOR**2


class StereoFit:
    """What a wide model's new weights are fitted to: training audio, and what it has of side and high bands.

    Left to itself the network would have to learn all at once that there is a side, to code it, and to paint
    it: a guess of its level is nearly as good as nothing for each of them alone, and it stays faint.
    """

    def __init__(self, wide: SpectralCodec, corpus: Corpus) -> None:
        rng = np.random.default_rng(5)
        audio = torch.from_numpy(draw_batch(corpus, rng, SEGMENTS, SEGMENT_S * corpus.sample_rate_hz))
        self.wide, self.sounds = wide, audio.transpose(1, 2).split(BATCH)
        self.bin_hz = corpus.sample_rate_hz / (2 * wide.config.hop_samples)
        self.bins = wide.config.hop_samples + 1

    def places(self, edges_hz: Sequence[int], lowest_hz: int = 0) -> list[slice]:
        """Return the bins of bands, from one edge to the next."""
        edges = [min(round(hz / self.bin_hz), self.bins) for hz in (lowest_hz, *edges_hz)]
        return [slice(first, end) for first, end in pairwise(edges)]

    def spectra(self, sounds: Tensor) -> tuple[Tensor, Tensor]:
        """Return log magnitudes `[frames, 2, bins]` of mid and side, and the real part of their product."""
        spectrum = mid_side_spectra(self.wide, sounds).flatten(0, 1)
        power = power_of(spectrum)
        return power.log() / 2, (spectrum[:, 0] * spectrum[:, 1]).sum(-2)

    def told(self, sounds: Tensor) -> Tensor:
        """Return what the new latents are to tell, `[frames, new latents]`.

        The side's level over the mid's in bands; the mid's level in high bands; and how like the side is to
        the mid, -1 to 1, in the bands that are left to tell.
        """
        logs, product = self.spectra(sounds)
        power = (2 * logs).exp()
        columns = []
        for band in self.places(BANDS_HZ):
            mid, side = (power[:, channel, band].mean(-1).log() / 2 for channel in (0, 1))
            columns.append((side - mid).clamp(FAINTEST_LEARNED - 1, 2))
        for band in self.places(HIGH_BANDS_HZ[1:], HIGH_BANDS_HZ[0]):
            columns.append(power[:, 0, band].mean(-1).log() / 2)
        for band in self.places(BANDS_HZ)[: LATENT_DIM - NARROW_LATENT_DIM - len(columns)]:
            both = power[:, :, band].sum(-1).prod(-1).sqrt()
            columns.append(product[:, band].sum(-1) / both)
        return torch.stack(columns, dim=-1)

    @torch.no_grad()
    def set_features(self) -> None:
        """Let the first map tell the side's log magnitudes in bands, at random to each unit of the trunk."""
        first = _linears(self.wide.encoder)[0]
        rows = first.weight.view(len(first.weight), 2, 3, -1)
        listening = list(self.wide.encoder.parts)[:2]
        features = torch.cat([self._through(listening, sounds) for sounds in self.sounds[:4]]).flatten(0, 1)
        spread = (features @ first.weight.T + first.bias).std(0).mean()
        rows[:, 1, 2] = 0
        for band in self.places(BANDS_HZ):
            count = band.stop - band.start
            rows[:, 1, 2, band] = torch.randn(len(rows), 1) / count
        added = features.unflatten(-1, (2, 3, -1))[:, 1, 2] @ rows[:, 1, 2].T
        scale = STRENGTH * spread / added.std(0).mean()
        rows[:, 1, 2] *= scale
        first.bias -= scale * added.mean(0)

    @torch.no_grad()
    def set_latents(self) -> None:
        """Let the new latents tell what `told` says, as far as the trunk's last features hold it."""
        parts, last = list(self.wide.encoder.parts), _linears(self.wide.encoder)[1]
        features = torch.cat([self._through(parts[:-2], sounds).flatten(0, 1) for sounds in self.sounds])
        told = torch.cat([self.told(sounds) for sounds in self.sounds])
        told = (told - told.mean(0)) / told.std(0)
        weight, bias = ridge(features, told)
        left = (told - features @ weight.T - bias).square().mean(0)
        print("share of each that the trunk holds:", [round(1 - float(part), 2) for part in left])
        last.weight[NARROW_LATENT_DIM:], last.bias[NARROW_LATENT_DIM:] = weight, bias
        reads = self.wide.decoder.parts[0].convolution.weight
        known = reads[:, :NARROW_LATENT_DIM].square().sum((1, 2)).mean().sqrt()
        reads[:, NARROW_LATENT_DIM:] = 0
        new = torch.randn_like(reads[:, NARROW_LATENT_DIM:, -1])  # of the present frame
        reads[:, NARROW_LATENT_DIM:, -1] = STRENGTH * known * new / new.square().sum(1).mean().sqrt()

    @torch.no_grad()
    def set_head(self, first_bin: int) -> None:
        """Let the last map paint the side's log magnitudes, and the mid's from some bin on, at its best."""
        head = _linears(self.wide.decoder)[-1]
        trunk = [*self.wide.encoder.parts, *list(self.wide.decoder.parts)[:-4]]
        features = torch.cat([self._through(trunk, sounds).flatten(0, 1) for sounds in self.sounds])
        logs = torch.cat([self.spectra(sounds)[0] for sounds in self.sounds])
        logs[:, 1] = torch.maximum(logs[:, 1], logs[:, 0] + FAINTEST_LEARNED)
        weights, biases = head.weight.view(2, 2, self.bins, -1), head.bias.view(2, 2, -1)
        for channel, first in ((0, first_bin), (1, 0)):
            weights[channel, 0, first:], biases[channel, 0, first:] = ridge(
                features, logs[:, channel, first:]
            )

    @staticmethod
    def _through(parts: list[torch.nn.Module], x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x


def ridge(known: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights and biases of the linear map from `[rows, features]` to `[rows, values]`."""
    known, wanted = known.double(), wanted.double()
    means = known.mean(0), wanted.mean(0)
    known, wanted = known - means[0], wanted - means[1]
    products = known.T @ known
    products += RIDGE * products.diagonal().mean() * torch.eye(len(products), dtype=torch.float64)
    weights = torch.linalg.solve(products, known.T @ wanted).T
    return weights.float(), (means[1] - weights @ means[0]).float()


def main() -> None:
    """Read, widen what is narrow, fit, write."""
    arguments = weights_parser(__doc__, "runs/train_48khz.npy").parse_args()
    torch.manual_seed(0)
    codec = load_codec(arguments.weights)
    is_narrow = codec.config.channels == 1
    wide = widened(codec) if is_narrow else codec
    fit = StereoFit(wide, Corpus(arguments.cache))
    fit.set_features()
    fit.set_latents()
    fit.set_head(codec.config.hop_samples if is_narrow else fit.bins)
    wide.quantizer.set_codebooks(torch.zeros_like(wide.quantizer.codebooks))  # to be fitted
    export(wide.state_dict(), wide.config, arguments.out, {"steps": "0"})


if __name__ == "__main__":
    main()

"""Begin a model of two channels at 48 kHz from base_24khz: `python -m weights.recipe.widen IN OUT`.

A frame lasts as long and its bins lie as close in both, so that the trunk of one serves the other: what is
below 12 kHz of the mid is coded and painted as before. All that is new begins with little effect on it, and
the codebooks are left to be fitted.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from codectool.models.spectral import SpectralCodec, build
from codectool.nn.spectra import COMPRESSION, MAGNITUDE_FLOOR
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_codec

LATENT_DIM = 96
NEW_SCALE = 0.3  # of what is new, against what an untrained layer has: were it zero, it would hardly learn
LOUDER = math.sqrt(2)  # a bin of twice as many samples, in orthonormal scale
SEGMENTS, SEGMENT_S = 64, 2  # of training audio, to which new rows of the last map are fitted
FAINTEST_LEARNED = -2.0  # natural log, of the side over the mid: fainter ones would draw the guess to silence
RIDGE = 1e-3  # of the features' mean power


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
    """Put new latents behind those that there were."""
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


@torch.no_grad()
def fit_head(wide: SpectralCodec, corpus: Corpus, kept_bins: int) -> None:
    """Set what the last map paints of the side, and of the mid from some bin on, by ridge regression.

    Its log magnitudes become the best guess that can be had from what the trunk knows of the mid's low bins.
    """
    rng = np.random.default_rng(5)
    audio = torch.from_numpy(draw_batch(corpus, rng, SEGMENTS, SEGMENT_S * corpus.sample_rate_hz))
    trunk, head = list(wide.decoder.parts)[:-4], _linears(wide.decoder)[-1]
    features, targets = [], []
    for sounds in audio.transpose(1, 2).split(8):
        x = wide.encoder(sounds)
        for part in trunk:
            x = part(x)
        real, imaginary = wide.encoder.parts[0](sounds).unflatten(-1, (2, 2, -1)).unbind(-2)
        mid, side = ((real.square() + imaginary.square() + MAGNITUDE_FLOOR**2).log() / 2).unbind(-2)
        targets.append(torch.stack((mid, torch.maximum(side, mid + FAINTEST_LEARNED)), dim=-2).flatten(0, 1))
        features.append(x.flatten(0, 1))
    known = torch.cat(features).double()
    wanted = torch.cat(targets).double().flatten(1)
    means = known.mean(0), wanted.mean(0)
    known, wanted = known - means[0], wanted - means[1]
    products = known.T @ known
    products += RIDGE * products.diagonal().mean() * torch.eye(len(products))
    rows = torch.linalg.solve(products, known.T @ wanted).T
    bias = (means[1] - rows @ means[0]).float().view(2, -1)
    weight, biases = head.weight.view(2, 2, *bias.shape[1:], -1), head.bias.view(2, 2, -1)
    rows = rows.float().view(2, bias.shape[1], -1)
    for channel, first in ((0, kept_bins), (1, 0)):
        weight[channel, 0, first:], biases[channel, 0, first:] = rows[channel, first:], bias[channel, first:]


def main() -> None:
    """Read, widen, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_48khz.npy"))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    narrow = load_codec(arguments.weights)
    wide = widened(narrow)
    fit_head(wide, Corpus(arguments.cache), narrow.config.hop_samples)
    export(wide.state_dict(), wide.config, arguments.out, {"steps": "0"})


if __name__ == "__main__":
    main()

"""Make the side of a stereo model as loud as it should be: `python -m weights.recipe.balance IN OUT`.

A network that cannot know all of a side paints it fainter than it is, its low bands most of all. So the last
map's biases for its log magnitudes get what they lack on the mean over training audio coded with 16 levels,
where the side can be heard: a correction of each bin, the same for all sounds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from codectool.models.spectral import SpectralCodec
from codectool.nn.spectra import MAGNITUDE_FLOOR
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_codec
from weights.recipe.validation import decode, encode

SEGMENTS, SEGMENT_S, BATCH = 160, 2, 8
LEVELS = 16  # 12 kbps
HEARD = 10 ** (-25 / 20)  # of the mid's magnitude: a difference between the ears of about 1 dB
QUIETEST = 1e-4  # magnitude of a bin that counts
MOST = 1.5  # natural log, of a correction


@torch.inference_mode()
def lacking(codec: SpectralCodec, corpus: Corpus, share: float = 1.0) -> torch.Tensor:
    """Return by how much the natural log of each bin of the side is too small on the mean, `[bins]`."""
    rng, hop = np.random.default_rng(7), codec.config.hop_samples
    sums, counts = torch.zeros(hop + 1), torch.zeros(hop + 1)
    for _ in range(SEGMENTS // BATCH):
        audio = torch.from_numpy(draw_batch(corpus, rng, BATCH, SEGMENT_S * corpus.sample_rate_hz))
        decoded = decode(codec, encode(codec, audio)[:, :LEVELS], audio.shape[2])
        power = []
        for sound in (audio, decoded):
            spectrum = codec.encoder.parts[0](sound.transpose(1, 2)).unflatten(-1, (2, 2, -1))
            power.append(spectrum.square().sum(-2) + MAGNITUDE_FLOOR**2)
        (mid, side), found = power[0].unbind(-2), power[1][..., 1, :]
        heard = ((side > HEARD**2 * mid) & (side > QUIETEST**2)).float()
        floor = torch.maximum(HEARD**2 * mid, torch.tensor(QUIETEST**2))  # of what was left out
        sums += (heard * (side.log() - torch.maximum(found, floor).log()) / 2).sum((0, 1))
        counts += heard.sum((0, 1))
    return share * (sums / counts.clamp(min=1)).clamp(-MOST, MOST)


def main() -> None:
    """Read, correct, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_48khz.npy"))
    parser.add_argument("--share", type=float, default=1.0, help="of the correction")
    arguments = parser.parse_args()
    codec = load_codec(arguments.weights)
    correction = lacking(codec, Corpus(arguments.cache), arguments.share)
    head = codec.decoder.parts[-4].module
    with torch.no_grad():
        head.bias.view(2, 2, -1)[1, 0] += correction
    with safe_open(arguments.weights, framework="pt") as file:
        told = {name: value for name, value in file.metadata().items() if name not in ("family", "config")}
    export(codec.state_dict(), codec.config, arguments.out, told)
    print(json.dumps([round(float(value), 2) for value in correction[::40]]))


if __name__ == "__main__":
    main()

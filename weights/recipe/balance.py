"""Make the side of a stereo model as loud as it should be: `python -m weights.recipe.balance IN OUT`.

A network that cannot know all of a side paints it fainter than it is, its low bands most of all. So the last
map's biases for its log magnitudes get what they lack on the mean over training audio that the network codes,
where the side can be heard: a correction of each bin, the same for all sounds.
"""

from __future__ import annotations

import json

import numpy as np
import torch

from codectool.models.spectral import SpectralCodec
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_codec, told_of
from weights.recipe.options import weights_parser
from weights.recipe.validation import decode, encode
from weights.recipe.widen import mid_side_spectra, power_of

SEGMENTS, SEGMENT_S, BATCH = 160, 2, 8
LEVELS = 16  # at most: 12 kbps
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
        painted = min(LEVELS, codec.quantizer.levels)  # those after them make bands as loud as they should be
        decoded = decode(codec, encode(codec, audio)[:, :painted], audio.shape[2])
        mid, side = power_of(mid_side_spectra(codec, audio.transpose(1, 2))).unbind(-2)
        found = power_of(mid_side_spectra(codec, decoded.transpose(1, 2)))[..., 1, :]
        heard = ((side > HEARD**2 * mid) & (side > QUIETEST**2)).float()
        floor = torch.maximum(HEARD**2 * mid, torch.tensor(QUIETEST**2))  # of what was left out
        sums += (heard * (side.log() - torch.maximum(found, floor).log()) / 2).sum((0, 1))
        counts += heard.sum((0, 1))
    return share * (sums / counts.clamp(min=1)).clamp(-MOST, MOST)


def main() -> None:
    """Read, correct, write."""
    parser = weights_parser(__doc__, "runs/train_48khz.npy")
    parser.add_argument("--share", type=float, default=1.0, help="of the correction")
    arguments = parser.parse_args()
    codec = load_codec(arguments.weights)
    correction = lacking(codec, Corpus(arguments.cache), arguments.share)
    head = codec.decoder.parts[-4].module
    with torch.no_grad():
        head.bias.view(2, 2, -1)[1, 0] += correction
    export(codec.state_dict(), codec.config, arguments.out, told_of(arguments.weights))
    print(json.dumps([round(float(value), 2) for value in correction[::40]]))


if __name__ == "__main__":
    main()

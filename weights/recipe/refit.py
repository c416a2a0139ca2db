"""Fit the upper codebooks anew: `python -m weights.recipe.refit IN.safetensors OUT.safetensors`.

Training draws the upper levels seldom, so many of their codes die. With the network as it is, k-means on the
residuals of random training audio brings them back to use; the levels before them stay as they are.
"""

from __future__ import annotations

import numpy as np
import torch

from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_codec, told_of
from weights.recipe.options import weights_parser
from weights.recipe.quantizer import fit_levels

FIRST_LEVEL = 16  # from 12 kbps on; below it training draws every level often
BATCHES, BATCH, SEGMENT_S = 50, 16, 1  # 60 000 frames: about 59 for each of 1024 codes


@torch.inference_mode()
def main() -> None:
    """Read, fit, write."""
    arguments = weights_parser(__doc__, "runs/train_24khz.npy").parse_args()
    torch.manual_seed(0)
    rng, corpus = np.random.default_rng(3), Corpus(arguments.cache)
    codec = load_codec(arguments.weights)
    latents = []
    for _ in range(BATCHES):
        audio = torch.from_numpy(draw_batch(corpus, rng, BATCH, SEGMENT_S * corpus.sample_rate_hz))
        latents.append(codec.encoder(audio.transpose(1, 2)).flatten(0, 1))
    fit_levels(codec.quantizer.codebooks, torch.cat(latents), FIRST_LEVEL)
    told = told_of(arguments.weights) | {"refitted": f"levels {FIRST_LEVEL + 1} on"}
    export(codec.state_dict(), codec.config, arguments.out, told)


if __name__ == "__main__":
    main()

"""Does our quantizer give another implementation's codes? `python -m tests.peers.rvq_vectors FILE …`

Each FILE (.npz) has latents `z` `[1, frames, dim]`, their `codes` `[levels, frames]`, the sum `quantized` of
the coded entries, and the codebooks under EnCodec's names. All codes must be equal, packed or not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from codectool.models.encodec import from_published
from codectool.nn.linear import pack
from codectool.nn.quantizer import ResidualVectorQuantizer


def differing_codes(path: Path) -> tuple[int, int, float]:
    """Return how many codes there are, how many of ours differ, and the largest error of the decoded sum."""
    with np.load(path, allow_pickle=False) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    codebooks = from_published({k: v for k, v in tensors.items() if k.startswith("quantizer.")})
    quantizer = ResidualVectorQuantizer(*codebooks["quantizer.codebooks"].shape)
    quantizer.set_codebooks(codebooks["quantizer.codebooks"])
    theirs = tensors["codes"][None]
    differing = 0
    for packed in (False, True):
        if packed:
            pack(quantizer, torch.float32)
        with torch.inference_mode():
            differing += int((quantizer.encode(tensors["z"], theirs.shape[1]) != theirs).sum())
    error = float((quantizer.decode(theirs) - tensors["quantized"]).abs().max())
    return theirs.numel(), differing, error


def main() -> None:
    """Compare each file and print; exit 1 if a code differs."""
    failed = False
    for name in sys.argv[1:]:
        codes, differing, error = differing_codes(Path(name))
        print(f"{Path(name).name}: {differing} of {codes} codes differ, decoded within {error:.1g}")
        failed |= differing > 0
    sys.exit(failed or len(sys.argv) == 1)


if __name__ == "__main__":
    main()

"""Mix two weights around the same codebooks: `python -m weights.recipe.mix A B OUT`, all `.safetensors`.

Where B was trained on from A with `--fixed-codebooks`, what lies between the two can be better than either.
Source: Wortsman et al., Robust fine-tuning of zero-shot models (arXiv 2109.01903).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from codectool.models.fingerprint import codebook_names
from weights.recipe.export import export, load_codec, load_exported, told_of

State = Mapping[str, Tensor]


def mixed(first: State, second: State, encoder_share: float, share: float) -> dict[str, Tensor]:
    """Return what lies so far from the first to the second, 0 to 1; ValueError if codebooks differ.

    The encoder may go another part of the way than all else.
    """
    for name in codebook_names(first):
        if not torch.equal(first[name], second[name]):
            raise ValueError(f"{name}: the two have other codebooks, which cannot be mixed")
    shares = {name: encoder_share if name.startswith("encoder.") else share for name in first}
    return {name: tensor + shares[name] * (second[name] - tensor) for name, tensor in first.items()}


def main() -> None:
    """Write the mixture as a run's best weights are written."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("first", "second", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--encoder-share", type=float, default=0.4, help="of the second in the encoder")
    parser.add_argument("--share", type=float, default=0.75, help="of the second in all else")
    arguments = parser.parse_args()
    first, second = load_exported(arguments.first), load_exported(arguments.second)
    state = mixed(first, second, arguments.encoder_share, arguments.share)
    export(state, load_codec(arguments.second).config, arguments.out, told_of(arguments.second))


if __name__ == "__main__":
    main()

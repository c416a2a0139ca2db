"""What one training run is asked to do, and how that is told on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

SHORTEST_SEGMENT_S = 0.5  # envelopes are compared over 0.4 s


@dataclass
class Options:
    """What one training run is asked to do."""

    manifest: list[Path]  # of files that are decoded into the cache if it is not there
    cache: Path
    out: Path
    minutes: float
    batch: int = 16
    segment_s: float = 1.0
    learning_rate: float = 1e-3
    final_learning_rate: float = 2e-5
    resume: Path | None = None
    unquantized_steps: int = 30  # before the k-means start of codebooks, so that it sees real latents
    fixed_codebooks: bool = False  # they are the format: all else learns around them
    pause: Path | None = None
    adversarial: bool = False
    judged: int = 8  # of a batch, by the adversary, which costs more than the codec
    device: str = "cpu"
    seed: int = 0


def weights_parser(description: str | None, cache: str) -> argparse.ArgumentParser:
    """Return the parser of a program that makes weights of others with the help of training audio."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(cache))
    return parser


def parse(description: str) -> Options:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, nargs="+", required=True)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_24khz.npy"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=Options.batch)
    parser.add_argument("--segment-s", type=float, default=Options.segment_s)
    parser.add_argument("--learning-rate", type=float, default=Options.learning_rate)
    parser.add_argument("--resume", type=Path, help="a run's checkpoint.pt, or weights")
    parser.add_argument("--unquantized-steps", type=int, default=Options.unquantized_steps)
    parser.add_argument("--fixed-codebooks", action="store_true", help="teach all else around them")
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    parser.add_argument("--adversarial", action="store_true")
    parser.add_argument("--judged", type=int, default=Options.judged)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=Options.seed)
    arguments = parser.parse_args()
    if arguments.segment_s < SHORTEST_SEGMENT_S:
        parser.error(f"--segment-s: {SHORTEST_SEGMENT_S} at least, or there is no envelope to compare")
    return Options(**vars(arguments))

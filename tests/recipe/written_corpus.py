"""A corpus of files that a test makes up, with its manifest, decoded as for training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from weights.recipe.data import KIND_SHARES, decode_corpus


class Sound(NamedTuple):
    """One file: samples `[samples]` or `[samples, channels]` at a rate, and its columns in the manifest."""

    kind: str
    source: str
    samples: np.ndarray
    rate_hz: int
    part: str = "train"


def write_corpus(folder: Path, sounds: Iterable[Sound], rate_hz: int, channels: int) -> Path:
    """Write sounds as FLAC and MANIFEST.tsv into a folder; return the cache that is decoded of them."""
    rows = ["file\tkind\tset\tsource_id"]
    for sound in sounds:
        soundfile.write(folder / f"{sound.source}.flac", sound.samples, sound.rate_hz)
        rows.append(f"{sound.source}.flac\t{sound.kind}\t{sound.part}\t{sound.source}")
    manifest, cache = folder / "MANIFEST.tsv", folder / "cache.npy"
    manifest.write_text("\n".join(rows) + "\n")
    decode_corpus([manifest], cache, rate_hz, channels)
    return cache


def noises(parts: tuple[str, str], samples: int) -> Iterator[Sound]:
    """Yield noise of each kind: mono at 24 kHz and stereo at 48 kHz in turn, of these parts of the corpus."""
    rng = np.random.default_rng(0)
    for kind in KIND_SHARES:
        for source in range(24):
            channels = 1 + source % 2
            noise = 0.1 * rng.standard_normal((channels * samples, channels))
            yield Sound(kind, f"{kind}-{source}", noise, channels * 24_000, parts[source % 2])

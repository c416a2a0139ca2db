"""What each level of a model is worth: `python -m weights.recipe.levels WEIGHTS CLIPS_FOLDER`.

For each number of levels the mean mel loss over the clips, and for each level how many of its codes are
in use, and their perplexity, on random segments of the training audio. Digital silence goes through as well.
The table is written to weights/training/levels.csv, or where `--out` says.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codectool.audio.mix import mix_to_mono
from codectool.audio.resample import Resampler
from codectool.audio.source import open_source
from codectool.models.spectral import SpectralCodec
from weights.recipe.data import Corpus
from weights.recipe.export import load_codec
from weights.recipe.losses import MelDistances
from weights.recipe.validation import encode, recoded

TABLE = Path(__file__).parents[1] / "training" / "levels.csv"
USAGE_SEGMENTS, SEGMENT_S = 1200, 1  # 90 000 frames: about 88 for each of 1024 codes


def clips(folder: Path, sample_rate_hz: int) -> Iterator[Tensor]:
    """Yield each audio file under a folder as `[1, samples]` at a rate."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with open_source(str(path)) as source:
            resampler = Resampler(source.rate_hz, sample_rate_hz, channels=1)
            blocks = [resampler.push(mix_to_mono(block)) for block in source.blocks()]
            yield torch.from_numpy(np.concatenate((*blocks, resampler.finish()), axis=1))


def mel_by_levels(codec: SpectralCodec, folder: Path) -> list[float]:
    """Return the mean mel loss over the clips with 1, 2, ... levels."""
    spectra = MelDistances(codec.config.sample_rate_hz)
    sums, count = [0.0] * codec.config.levels, 0
    for audio in clips(folder, codec.config.sample_rate_hz):
        channels = audio[:, None].repeat(1, codec.config.channels, 1)
        count += 1
        for level, decoded in enumerate(recoded(codec, channels, range(1, len(sums) + 1))):
            sums[level] += spectra(decoded[:, 0], audio)["mel"].item()
    return [value / count for value in sums]


def usage_by_level(codec: SpectralCodec, corpus: Corpus) -> list[tuple[int, float]]:
    """Return for each level how many codes training audio uses, and their perplexity."""
    rng = np.random.default_rng(2)
    levels, size = codec.config.levels, codec.config.codebook_size
    counts = torch.zeros(levels, size)
    for _ in range(USAGE_SEGMENTS):
        audio = torch.from_numpy(corpus.draw(rng, SEGMENT_S * corpus.sample_rate_hz))
        codes = encode(codec, audio[None])[0]
        for level in range(levels):
            counts[level] += torch.bincount(codes[level], minlength=size)
    shares = counts / counts.sum(dim=1, keepdim=True)
    perplexities = torch.exp(-torch.special.xlogy(shares, shares).sum(dim=1))
    return [(int((row > 0).sum()), value.item()) for row, value in zip(counts, perplexities, strict=True)]


def silence_peak_dbfs(codec: SpectralCodec) -> float:
    """Return the highest peak that ten seconds of digital silence decode to, with any number of levels."""
    silence = torch.zeros(1, codec.config.channels, 10 * codec.config.sample_rate_hz)
    counts = range(1, codec.config.levels + 1)
    peaks = [decoded.abs().max().item() for decoded in recoded(codec, silence, counts)]
    return 20 * math.log10(max(*peaks, 1e-9))


@torch.inference_mode()
def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_24khz.npy"))
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    codec = load_codec(arguments.weights)
    rows = [["level", "kbps", "mel_distance", "rise_percent", "codes_used", "perplexity"]]
    previous = math.inf
    distances = mel_by_levels(codec, arguments.folder)
    usage = usage_by_level(codec, Corpus(arguments.cache))
    for level, (distance, (used, perplexity)) in enumerate(zip(distances, usage, strict=True), start=1):
        rise_percent = 100 * (distance / previous - 1)  # -100 for the first
        kbps = level * codec.config.sample_rate_hz / codec.config.hop_samples * 10 / 1000
        rows.append([level, kbps, f"{distance:.5f}", f"{rise_percent:.3f}", used, f"{perplexity:.0f}"])
        previous = distance
    with arguments.out.open("w", newline="") as file:
        file.write(f"# digital silence decodes to a peak of {silence_peak_dbfs(codec):.0f} dBFS\n")
        csv.writer(file).writerows(rows)
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()

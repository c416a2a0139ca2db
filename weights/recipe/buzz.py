"""How unevenly decoded sound lies over each hop: `python -m weights.recipe.buzz WEIGHTS CLIPS_FOLDER`.

A model that cannot know the phases of noise may give the bins of a frame phases that agree, so that the power
of the frame gathers at one place in its hop: a buzz at the frame rate, to which scores over longer windows
are deaf. The table, weights/training/buzz.csv, has the power by the place in the hop, each hop weighing the
same: how far its largest and smallest means are apart, in the original and decoded, above 4 kHz and in all.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from weights.recipe.data import SAMPLE_RATE_HZ
from weights.recipe.export import load_codec
from weights.recipe.levels import clips
from weights.recipe.losses import TEXTURE_PLACES
from weights.recipe.validation import decode

TABLE = Path(__file__).parents[1] / "training" / "buzz.csv"
LEVELS = (2, 8, 32)
HIGH_HZ = 4000
NOISE_S, NOISE_LEVEL = 16, 0.05


def high_passed(audio: Tensor) -> Tensor:
    """Return `[1, samples]` without what is below HIGH_HZ."""
    spectrum = torch.fft.rfft(audio)
    spectrum[:, torch.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE_HZ) < HIGH_HZ] = 0
    return torch.fft.irfft(spectrum, audio.shape[1])


def power_by_place(audio: Tensor, hop_samples: int) -> Tensor:
    """Return `[hops, places]` of `[1, samples]`: the power in each part of each hop, whose mean is one."""
    hops = audio.shape[1] // hop_samples
    parts = audio[0, : hops * hop_samples].view(hops, TEXTURE_PLACES, -1)
    power = parts.square().mean(2)
    return power / (power.mean(1, keepdim=True) + 1e-9)


def spread_db(sounds: list[Tensor], hop_samples: int) -> float:
    """Return how far the largest and the smallest mean power of a place in the hop are apart."""
    means = torch.cat([power_by_place(sound, hop_samples) for sound in sounds]).mean(0)
    return float(10 * torch.log10(means.max() / means.min()))


def rows_of(codec: SpectralCodec, name: str, originals: list[Tensor]) -> list[list[object]]:
    """Return the figures of some sounds `[1, samples]`."""
    hop = codec.config.hop_samples
    coded = [codec.quantizer.encode(codec.encoder(audio[..., None])) for audio in originals]
    rows = []
    for levels in LEVELS:
        pairs = zip(coded, originals, strict=True)
        decoded = [decode(codec, codes[:, :levels], audio.shape[1]) for codes, audio in pairs]
        spreads = [
            spread_db([part(sound) for sound in sounds], hop)
            for part in (lambda sound: sound, high_passed)
            for sounds in (originals, decoded)
        ]
        rows.append([name, levels, *(f"{spread:.2f}" for spread in spreads)])
    return rows


@torch.inference_mode()
def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    codec = load_codec(arguments.weights)
    generator = torch.Generator().manual_seed(0)
    noise = NOISE_LEVEL * torch.randn(1, NOISE_S * SAMPLE_RATE_HZ, generator=generator)
    rows: list[list[object]] = [["sound", "levels", "all", "all_decoded", "high", "high_decoded"]]
    rows += rows_of(codec, "white noise", [noise])
    rows += rows_of(codec, "clips", list(clips(arguments.folder)))
    with TABLE.open("w", newline="") as file:
        file.write("# decibels between the places in the hop with the most and the least power\n")
        csv.writer(file).writerows(rows)
    print(TABLE.read_text())


if __name__ == "__main__":
    main()

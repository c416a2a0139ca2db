"""Whether decoded sound buzzes or is too smooth: `python -m weights.recipe.buzz WEIGHTS CLIPS_FOLDERS...`.

A model that cannot know the phases of noise may give every frame the same ones. Then the power of each frame
gathers at the same place in its hop, and each hop is like the one before: a buzz, to which scores are deaf.
One that cannot know its peaks and gaps in time and frequency may leave them out. The table (`--out`) has for
white noise and for the clips, original and decoded:

- spread_db: how far the largest and smallest mean power of a place in the hop are apart, above 4 kHz;
- likeness: how like itself the sound is one to eight hops later, 0 to 1, by band (`RepetitionDistance`);
- contrast_db: the standard deviation of the spectrum within small patches (`ContrastDistance`);
- ripple_db: how far bins are too loud or too quiet throughout, for their neighbours (`RippleDistance`).
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path

import torch
from torch import Tensor

from codectool.models.spectral import Config, SpectralCodec
from weights.recipe.export import load_codec
from weights.recipe.levels import clips
from weights.recipe.texture import (
    FAINTEST,
    TEXTURE_PLACES,
    ContrastDistance,
    RepetitionDistance,
    RippleDistance,
    bands_at,
)
from weights.recipe.validation import mono_by_levels

TABLE = Path(__file__).parents[1] / "training" / "buzz.csv"
HIGH_HZ = 4000
NOISE_S, NOISE_LEVEL = 16, 0.05


def high_passed(audio: Tensor, rate_hz: int) -> Tensor:
    """Return `[1, samples]` without what is below HIGH_HZ."""
    spectrum = torch.fft.rfft(audio)
    spectrum[:, torch.fft.rfftfreq(audio.shape[1], 1 / rate_hz) < HIGH_HZ] = 0
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


def contrast_db(sounds: list[Tensor], rate_hz: int) -> float:
    """Return the mean standard deviation of a patch of the finest spectrum, where there is sound.

    The highest patches are left out: an edge of the band inside them is no texture.
    """
    contrast = ContrastDistance(rate_hz)
    patches = []
    for sound in sounds:
        mean, variance = (part[..., :-1] for part in contrast.moments(sound, contrast.windows[0]))
        patches.append(variance[mean.exp() > FAINTEST].sqrt())
    return float(torch.cat(patches).mean() * 20 / math.log(10))


def ripple_db(sounds: list[Tensor], originals: list[Tensor], rate_hz: int) -> float:
    """Return the mean ripple of the spectrum of decoded sounds, one after the other."""
    distance = RippleDistance(rate_hz)(torch.cat(sounds, 1), torch.cat(originals, 1))
    return float(distance * 20 / math.log(10))


def figures(sounds: list[Tensor], originals: list[Tensor], config: Config) -> list[str]:
    """Return a row's figures of some sounds `[1, samples]`."""
    rate_hz = config.sample_rate_hz
    repetition = RepetitionDistance(rate_hz)
    spread = spread_db([high_passed(sound, rate_hz) for sound in sounds], config.hop_samples)
    likeness = torch.stack([repetition.likeness(sound).mean((0, 1, 3)) for sound in sounds]).mean(0)
    texture = (contrast_db(sounds, rate_hz), ripple_db(sounds, originals, rate_hz))
    return [
        f"{spread:.2f}",
        *(f"{value:.3f}" for value in likeness.tolist()),
        *(f"{value:.2f}" for value in texture),
    ]


def rows_of(codec: SpectralCodec, name: str, originals: list[Tensor]) -> list[list[str]]:
    """Return the figures of some sounds `[1, samples]` as they are and decoded."""
    rows = [[name, "original", *figures(originals, originals, codec.config)]]
    for levels, decoded in mono_by_levels(codec, originals):
        rows.append([name, str(levels), *figures(decoded, originals, codec.config)])
    return rows


@torch.inference_mode()
def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    codec = load_codec(arguments.weights)
    rate_hz = codec.config.sample_rate_hz
    generator = torch.Generator().manual_seed(0)
    noise = NOISE_LEVEL * torch.randn(1, NOISE_S * rate_hz, generator=generator)
    bands = [f"likeness_{low}_{high // 100 * 100}_hz" for low, high in bands_at(rate_hz)]
    rows = [["sound", "levels", "spread_db", *bands, "contrast_db", "ripple_db"]]
    rows += rows_of(codec, "white noise", [noise])
    for folder in arguments.folders:
        rows += rows_of(codec, folder.name, list(clips(folder, rate_hz)))
    with arguments.out.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()

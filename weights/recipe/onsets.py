"""Whether decoded sound keeps its onsets: `python -m weights.recipe.onsets WEIGHTS CLIPS_FOLDERS...`.

Over levels of 10 ms every 5 ms, in decibels. An onset is a rise of at least 15 dB within 20 ms, to no more
than 30 dB below the loudest of the clip; it is dropped where the decoded level rises by less than half as
much within 20 ms of it. Frames count down to 40 dB below the loudest, and differ by the means of 25 ms. The
table (`--out`) has the shares of frames more than 10 dB weaker and 6 dB louder as well.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from weights.recipe.export import load_codec
from weights.recipe.levels import clips
from weights.recipe.validation import mono_by_levels

TABLE = Path(__file__).parents[1] / "training" / "onsets.csv"
FRAMES_A_SECOND = 200  # each of two strides, 10 ms
RISE_FRAMES = 4  # 20 ms
LEAST_RISE_DB, ONSET_RANGE_DB, ACTIVE_RANGE_DB = 15, 30, 40
WEAKER_DB, LOUDER_DB = 10, 6


def levels_db(audio: Tensor, rate_hz: int, frames: int = 1) -> Tensor:
    """Return the level of each frame of `[1, samples]`, a mean over so many of them."""
    stride = rate_hz // FRAMES_A_SECOND
    power = audio[0].unfold(0, 2 * stride, stride).square().mean(1)
    mean = F.avg_pool1d(power[None], frames, 1, frames // 2, count_include_pad=False)[0]
    return 10 * torch.log10(mean + 1e-9)


def rises_db(audio: Tensor, rate_hz: int) -> Tensor:
    """Return for each frame of `[1, samples]` how far the level rises from 20 ms before."""
    level = levels_db(audio, rate_hz)
    return level[RISE_FRAMES:] - level[:-RISE_FRAMES]


def onsets(audio: Tensor, rate_hz: int) -> Tensor:
    """Return the indices in `rises_db` of the steepest frame of each onset."""
    rises, level = rises_db(audio, rate_hz), levels_db(audio, rate_hz)[RISE_FRAMES:]
    steepest = rises == F.max_pool1d(rises[None], 2 * RISE_FRAMES + 1, 1, RISE_FRAMES)[0]
    return torch.nonzero(steepest & (rises >= LEAST_RISE_DB) & (level > level.max() - ONSET_RANGE_DB))[:, 0]


def dropped(original: Tensor, decoded: Tensor, rate_hz: int) -> int:
    """Return how many onsets of one are less than half as steep in the other, both `[1, samples]`."""
    at = onsets(original, rate_hz)
    near = F.max_pool1d(rises_db(decoded, rate_hz)[None], 2 * RISE_FRAMES + 1, 1, RISE_FRAMES)[0]
    return int((near[at] < rises_db(original, rate_hz)[at] / 2).sum())


def differences_db(original: Tensor, decoded: Tensor, rate_hz: int) -> Tensor:
    """Return how much louder the frames of the decoded sound are where the original is active."""
    level = levels_db(original, rate_hz, 5)
    return (levels_db(decoded, rate_hz, 5) - level)[level > level.max() - ACTIVE_RANGE_DB]


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
    rows = [["clips", "levels", "onsets", "dropped", "weaker_percent", "louder_percent", "mean_db"]]
    for folder in arguments.folders:
        originals = list(clips(folder, rate_hz))
        total = sum(len(onsets(audio, rate_hz)) for audio in originals)
        for levels, decoded in mono_by_levels(codec, originals):
            pairs = list(zip(originals, decoded, strict=True))
            difference = torch.cat([differences_db(*pair, rate_hz) for pair in pairs])
            shares = [(difference < -WEAKER_DB), (difference > LOUDER_DB)]
            percent = [f"{100 * share.float().mean():.3f}" for share in shares]
            lost = sum(dropped(*pair, rate_hz) for pair in pairs)
            rows.append(
                [folder.name, str(levels), str(total), str(lost), *percent, f"{difference.mean():.2f}"]
            )
    with arguments.out.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()

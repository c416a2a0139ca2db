"""What a network holds without its quantizer: `python -m weights.recipe.ceiling WEIGHTS --cache CACHE`.

Held-out segments of the training audio, four seconds each, by each stage of the model: coded with all of its
levels, and decoded from the latents themselves, which is the most that more levels could give. Scores need
the packages of `pip install '.[eval]'`; the SDR is that of the wave as it is, with its level. The table is
written to weights/training/ceiling.csv, or where `--out` says.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec
from codectool.quality.metrics import pesq_wb, stoi
from weights.recipe.data import Corpus
from weights.recipe.export import load_codec
from weights.recipe.losses import MelDistances
from weights.recipe.validation import in_line

TABLE = Path(__file__).parents[1] / "training" / "ceiling.csv"
SEGMENTS = {"speech": 24, "music": 12}
SEGMENT_S = 4
HEAD = ["kind", "levels", "quantizer", "pesq_wb", "stoi", "sdr_db", "mel_distance"]


def stages(model: SpectralCodec, audio: Tensor) -> Iterator[tuple[int, bool, Tensor]]:
    """Yield for each stage its levels, whether they were used, and what `[1, channels, samples]` became."""
    for levels in model.stages:
        codec = model.at(levels)
        latents = codec.encoder(audio.transpose(1, 2))
        coded = codec.quantizer.decode(codec.quantizer.encode(latents, levels))
        for used, decoded in ((True, coded), (False, latents)):
            yield levels, used, in_line(codec.decoder, decoded, audio.shape[2])


def scores(audio: Tensor, decoded: Tensor, mel: MelDistances, rate_hz: int) -> list[float]:
    """Return the scores in the order of HEAD, of `[samples]`; not a number where a score is not defined."""
    reference, signal = audio.numpy(), decoded.numpy()
    found = [pesq_wb(reference, signal, rate_hz), stoi(reference, signal, rate_hz)]
    sdr_db = 10 * torch.log10(audio.square().sum() / (audio - decoded).square().sum())
    distance = mel(decoded[None], audio[None])["mel"]
    return [*(np.nan if each is None else each for each in found), sdr_db.item(), distance.item()]


def ceiling(model: SpectralCodec, corpus: Corpus) -> Iterator[list[str]]:
    """Yield the rows of the table: means over the first channel of the held-out segments."""
    rate_hz = model.config.sample_rate_hz
    mel = MelDistances(rate_hz)
    for kind, count in SEGMENTS.items():
        segments = torch.from_numpy(corpus.held_out_segments(kind, count, SEGMENT_S * rate_hz))
        found: dict[tuple[int, bool], list[list[float]]] = {}
        for audio in segments.split(1):
            for levels, used, decoded in stages(model, audio):
                found.setdefault((levels, used), []).append(scores(audio[0, 0], decoded[0, 0], mel, rate_hz))
        for (levels, used), each in found.items():
            means = (f"{mean:.4f}" for mean in np.nanmean(each, axis=0))
            yield [kind, str(levels), "yes" if used else "no", *means]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_24khz.npy"))
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    rows = [HEAD, *ceiling(load_codec(arguments.weights), Corpus(arguments.cache))]
    with arguments.out.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    for row in rows:
        print(",".join(row))


if __name__ == "__main__":
    main()

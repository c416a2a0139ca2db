"""Are Mimi, DAC and SNAC here those of their own packages, at their real shapes?

`python -m benchmarks.peers.field_equality [MODEL...]`. Both sides have the same random weights and run on one
thread: theirs over the whole signal, ours as streams in blocks of a second. A frame whose codes differ is
explained if theirs chooses otherwise itself when noise 100 dB below the audio is added, as much as 16-bit
rounding, in one of sixteen tries; such a frame has two codes that are as near. Of Mimi, whose 32 levels draw
such frames, there is the largest difference of the two distances too, relative, at the first level that
differs. Sound is decoded from their codes by both, and the largest difference is compared with its peak.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import write_table
from benchmarks.peers.field_speed import CASES
from tests.peers.random_weights import noise
from tests.peers.reference import recording

TABLE = Path(__file__).with_suffix(".csv")
SECONDS = {"mimi": 8.0, "snac_24khz": 6.0, "dac_44khz": 2.0}
TRIES, CHANGE = 16, 1e-5  # 16-bit rounding changes as much
HEAD = [
    "model",
    "signal",
    "seconds",
    "frames",
    "codes",
    "equal_share",
    "differing_frames",
    "explained_frames",
    "largest_margin",
    "sound_error_of_peak",
]


def in_rows(codes: Any) -> Tensor:
    """Return codes `[levels, frames]`; of several rates, a frame of the slowest holds all of its time."""
    if isinstance(codes, Tensor):
        return codes[0]
    frames = min(part.shape[1] for part in codes)
    return torch.cat([part.view(frames, -1).T for part in codes])


def mimi_margin(model: Any, audio: Tensor, theirs: Tensor, ours: Tensor) -> float:
    """Return by how much, relative, the codes that differ first in a frame are not as near; the largest."""
    latents, largest = model.encode_to_latent(audio, quantize=False), 0.0
    for frame in (theirs != ours).any(dim=0).nonzero()[:, 0].tolist():
        level = int((theirs[:, frame] != ours[:, frame]).int().argmax())
        first = min(level, 1)  # of the quantizer: the semantic one has one level, the acoustic the others
        quantizer = model.quantizer.rvq_rest if level else model.quantizer.rvq_first
        books = [layer._codebook.embedding for layer in quantizer.vq.layers]
        left = quantizer.input_proj(latents)[0, :, frame]
        for before in range(first, level):
            left = left - books[before - first][theirs[before, frame]]
        candidates = torch.stack([codes[level, frame] for codes in (theirs, ours)])
        near, far = (left - books[level - first][candidates]).square().sum(dim=1).sort().values
        largest = max(largest, float(far / near - 1))
    return largest


def signals(rate_hz: int, samples: int) -> dict[str, Tensor]:
    """Return what is coded, `[1, 1, samples]` each."""
    found = {"noise": noise(samples)}
    for name, file in (("speech", "speech.wav"), ("music", "music.flac")):
        audio = recording(file, rate_hz, 1)
        found[name] = audio.repeat(1, 1, -(-samples // audio.shape[2]))[:, :, :samples].contiguous()
    return found


def rows(name: str) -> list[list[object]]:
    """Compare one model; return its lines of the table, and print them."""
    make, rate_hz, frame = CASES[name]
    theirs, ours = make()
    samples = round(SECONDS[name] * rate_hz / frame) * frame
    generator, lines = torch.Generator().manual_seed(0), []
    for signal, audio in signals(rate_hz, samples).items():
        published = theirs.encode(audio)
        wanted = in_rows(published)
        found = in_rows(ours.encode(audio))
        wanted = wanted[:, : found.shape[1]]  # theirs may fill up a window
        differs = (wanted != found).any(dim=0)
        explained = torch.zeros_like(differs)
        for _ in range(TRIES if differs.any() else 0):
            changed = audio * (1 + CHANGE * torch.randn(audio.shape, generator=generator))
            explained |= (in_rows(theirs.encode(changed))[:, : found.shape[1]] != wanted).any(dim=0)
        sound = theirs.decode(published)[..., :samples]
        error = (ours.decode(in_rows(published)[None]).transpose(1, 2)[..., :samples] - sound).abs().max()
        counts = [wanted.shape[1], wanted.numel(), round(float((wanted == found).float().mean()), 6)]
        frames = int(differs.sum()), int((differs & explained).sum())
        margin = f"{mimi_margin(theirs.encode.__self__, audio, wanted, found):.1e}" if name == "mimi" else ""
        line = [name, signal, round(samples / rate_hz, 2), *counts, *frames, margin]
        lines.append([*line, f"{float(error / sound.abs().max()):.1e}"])
        print(*lines[-1], sep=",", flush=True)
    return lines


@torch.inference_mode()
def main() -> None:
    """Compare, print, and write the table."""
    torch.set_num_threads(1)
    print(*HEAD, sep=",", flush=True)
    found = [line for name in sys.argv[1:] or CASES for line in rows(name)]
    write_table(TABLE, [HEAD, *found])


if __name__ == "__main__":
    main()

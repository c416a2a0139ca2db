"""The training audio: manifests of files become one array of samples, and that becomes random batches.

Every file is brought to the rate and the channels of the model that is trained. A manifest is a tab-separated
table with at least the columns file, kind (speech, music or other), set and source_id, with paths relative to
it. Only rows whose set is one of TRAINING_SETS are ever read.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

TRAINING_SETS = ("train", "train48")  # the second holds 48 kHz audio, often stereo
HELD_OUT_SHARE = 0.05  # of each kind's duration, chosen by source, to select checkpoints
# how often a training segment is of each kind, of one channel and of two
KIND_SHARES = {"speech": 0.5, "music": 0.35, "other": 0.15}
STEREO_KIND_SHARES = {"speech": 0.2, "music": 0.6, "other": 0.2}


@dataclass(frozen=True)
class Clip:
    """Where one file lies in the array of all samples `[samples, channels]`."""

    kind: str
    source_id: str
    start_sample: int
    length_samples: int


def decode_file(path: Path, sample_rate_hz: int, channels: int) -> NDArray[np.int16]:
    """Return a file's samples `[samples, channels]` at a rate: its first two channels, or the mean of all."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    if channels == 1:
        samples = samples.mean(axis=1, keepdims=True)
    else:
        samples = samples[:, :2] if samples.shape[1] > 1 else samples.repeat(2, axis=1)
    if rate_hz != sample_rate_hz:
        samples = soxr.resample(samples, rate_hz, sample_rate_hz, "VHQ")
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def decode_corpus(manifests: Sequence[Path], cache: Path, sample_rate_hz: int, channels: int) -> None:
    """Decode every training file into `cache` (int16 .npy) and its index beside it (.json)."""
    rows = []
    for manifest in manifests:
        with manifest.open(newline="") as table:
            found = [row for row in csv.DictReader(table, delimiter="\t") if row["set"] in TRAINING_SETS]
        rows += [(manifest.parent / row["file"], row["kind"], row["source_id"]) for row in found]
    with ThreadPoolExecutor(2) as pool:
        pieces = list(pool.map(lambda row: decode_file(row[0], sample_rate_hz, channels), rows))
    starts = np.cumsum([0] + [len(piece) for piece in pieces])
    clips = [
        asdict(Clip(kind, source_id, int(start), len(piece)))
        for (_, kind, source_id), start, piece in zip(rows, starts, pieces, strict=False)
    ]
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, np.concatenate(pieces))
    index = {"sample_rate_hz": sample_rate_hz, "channels": channels, "clips": clips}
    cache.with_suffix(".json").write_text(json.dumps(index))


def held_out_sources(clips: list[Clip]) -> set[str]:
    """Choose whole sources, in an order fixed by hashes of their names, up to the held-out share a kind."""
    chosen: set[str] = set()
    for kind in KIND_SHARES:
        durations: dict[str, int] = {}
        for clip in clips:
            if clip.kind == kind:
                durations[clip.source_id] = durations.get(clip.source_id, 0) + clip.length_samples
        room = HELD_OUT_SHARE * sum(durations.values())
        for source_id in sorted(durations, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
            if durations[source_id] <= room:
                chosen.add(source_id)
                room -= durations[source_id]
    return chosen


class Corpus:
    """Random segments `[channels, samples]` of the training part, and fixed ones of the held-out part."""

    def __init__(self, cache: Path) -> None:
        self.samples: NDArray[np.int16] = np.load(cache, mmap_mode="r")
        index = json.loads(cache.with_suffix(".json").read_text())
        self.sample_rate_hz: int = index["sample_rate_hz"]
        self.channels: int = index["channels"]
        self.kind_shares = KIND_SHARES if self.channels == 1 else STEREO_KIND_SHARES
        clips = [Clip(**clip) for clip in index["clips"]]
        held_out = held_out_sources(clips)
        self.train = {
            kind: [c for c in clips if c.kind == kind and c.source_id not in held_out] for kind in KIND_SHARES
        }
        self.held_out = {
            kind: [c for c in clips if c.kind == kind and c.source_id in held_out] for kind in KIND_SHARES
        }

    def draw(
        self, rng: np.random.Generator, length_samples: int, kind: str | None = None
    ) -> NDArray[np.float32]:
        """Return one random training segment, of a kind drawn by its share unless named."""
        if kind is None:
            kind = str(rng.choice(list(self.kind_shares), p=list(self.kind_shares.values())))
        return self._cut(rng, self.train[kind], length_samples)

    def held_out_segments(self, kind: str, count: int, length_samples: int) -> NDArray[np.float32]:
        """Return `[count, channels, samples]`, the same on every call."""
        rng = np.random.default_rng(1)
        return np.stack([self._cut(rng, self.held_out[kind], length_samples) for _ in range(count)])

    def _cut(self, rng: np.random.Generator, clips: list[Clip], length_samples: int) -> NDArray[np.float32]:
        durations = np.array([clip.length_samples for clip in clips], dtype=np.float64)
        clip = clips[rng.choice(len(clips), p=durations / durations.sum())]
        segment = np.zeros((self.channels, length_samples), dtype=np.float32)
        start = int(rng.integers(0, max(1, clip.length_samples - length_samples + 1)))
        taken = min(length_samples, clip.length_samples - start)
        first = clip.start_sample + start
        segment[:, :taken] = self.samples[first : first + taken].T.astype(np.float32) / 32768
        return segment

"""One recording at every number of levels: encoded once, trimmed, decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from codectool import pipeline
from codectool.audio.pcm import Block
from codectool.container import codes_of, open_reader, trim
from codectool.container.bits import Codes
from codectool.files.inputs import open_input
from codectool.files.outputs import open_output
from codectool.models.fingerprint import codebook_names
from codectool.models.loaded import LoadedModel
from codectool.models.registry import ModelEntry
from codectool.pipeline import DecodeJob, EncodeJob

LEVELS_LISTED = 6  # the most stops of a dial that nobody chose


@dataclass(frozen=True)
class Decoded:
    """A recording at so many levels: its sound `[channels, samples]` and the bytes of its file."""

    levels: int
    audio: Block
    file_bytes: int


def usual_levels(entry: ModelEntry) -> tuple[int, ...]:
    """Return numbers of levels that double from 1 on, or nearly, the last of them all levels of the model."""
    chosen = [entry.level_choices[0]]
    for levels in entry.level_choices:
        if levels >= 2 * chosen[-1]:
            chosen.append(levels)
    return tuple(dict.fromkeys([*chosen, entry.levels]))[-LEVELS_LISTED:]


def encode_all_levels(recording: Path, model: LoadedModel) -> Path:
    """Encode an audio file with all levels of the model; return the file, beside it."""
    coded = recording.with_suffix(".ecdc")
    job = EncodeJob(
        str(recording), str(coded), levels=model.entry.levels, model=model.entry.name, overwrite=True
    )
    pipeline.encode(job, loader=lambda *_: model)
    return coded


def read_codes(coded: Path) -> Codes:
    """Return the codes `[levels, frames]` of a file of one stream."""
    with open_input(str(coded)) as stream:
        codes: Codes = codes_of(open_reader(stream))[0].astype(np.uint16)
    return codes


def decode_levels(coded: Path, model: LoadedModel, levels: Sequence[int]) -> Iterator[Decoded]:
    """Decode a file with its first levels only, for each of these numbers of them in turn."""
    lower, back = coded.with_name("lower.ecdc"), coded.with_name("lower.wav")
    for count in levels:
        with open_input(str(coded)) as stream, open_output(lower, overwrite=True) as output:
            file_bytes = trim(open_reader(stream), output, count)
        job = DecodeJob(str(lower), str(back), subtype="FLOAT", overwrite=True)
        pipeline.decode(job, loader=lambda *_: model)
        audio, _ = soundfile.read(back, dtype="float32", always_2d=True)
        yield Decoded(count, audio.T, file_bytes)


def shades_of(codes: Codes, entry: ModelEntry, weights: Path) -> NDArray[np.uint8]:
    """Give each code `[levels, frames]` a place, 0 to 255, such that codes with similar entries are near.

    The place is the rank, within the level and the excerpt, along the direction in which the entries differ
    most. Where the entries cannot be read without the model's engine, the places are as if drawn by lot.
    """
    rows = entry.rows_per_codebook or (1,) * entry.levels
    codebooks = [book for book, count in zip(_codebooks(weights), rows, strict=False) for _ in range(count)]
    shades = (codes.astype(np.uint32) * 2654435761 >> 8).astype(np.uint8)  # Knuth's multiplier scatters
    for level, codebook in enumerate(codebooks):
        entries = codebook[codes[level]].astype(np.float64)
        entries -= entries.mean(axis=0)
        main = np.linalg.eigh(entries.T @ entries)[1][:, -1]
        places = entries @ (main * np.sign(main.sum() or 1.0))
        _, ranks = np.unique(places, return_inverse=True)
        shades[level] = np.round(255 * ranks / max(1, ranks.max()))
    return shades


def _codebooks(weights: Path) -> list[NDArray[np.float32]]:
    """Read the codebooks, `[entries, dim]` each, from a file under our own names; none from another."""
    try:
        with safe_open(weights, "numpy") as file:
            tensors = [file.get_tensor(name) for name in codebook_names(file.keys())]
    except (SafetensorError, OSError):
        return []
    stacked = [tensor[None] if tensor.ndim == 2 else tensor for tensor in tensors]
    return [codebook for tensor in stacked for codebook in tensor]

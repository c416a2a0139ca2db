"""One recording at every number of levels: encoded once, trimmed, decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from codectool import pipeline
from codectool.audio.pcm import Block
from codectool.container import codes_of, open_reader, trim
from codectool.container.bits import Codes
from codectool.files.inputs import open_input
from codectool.files.outputs import open_output
from codectool.jobs import DecodeJob, EncodeJob
from codectool.models.loading import LoadedModel
from codectool.models.registry import ModelEntry

LEVELS_LISTED = 6  # the most stops of a dial that nobody chose


@dataclass(frozen=True)
class Decoded:
    """A recording at so many levels: its sound `[channels, samples]` and the bytes of its file."""

    levels: int
    audio: Block
    file_bytes: int


def usual_levels(entry: ModelEntry) -> tuple[int, ...]:
    """Return numbers of levels that double from 1 on, the last of them all levels of the model."""
    doubling = [1 << exponent for exponent in range(entry.levels.bit_length())]
    return tuple(dict.fromkeys([*doubling, entry.levels]))[-LEVELS_LISTED:]


def encode_all_levels(recording: Path, model: LoadedModel) -> Path:
    """Encode an audio file with all levels of the model; return the file, beside it."""
    coded = recording.with_suffix(".ecdc")
    job = EncodeJob(str(recording), str(coded), levels=model.entry.levels, model=model.entry.name, overwrite=True)
    pipeline.encode(job, loader=lambda *_: model)
    return coded


def read_codes(coded: Path) -> Codes:
    """Return the codes `[levels, frames]` of a file of one stream."""
    with open_input(str(coded)) as stream:
        return codes_of(open_reader(stream))[0].astype(np.uint16)


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

"""A recording as pieces at a model's rate and channels: read, mixed and resampled as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from codectool.audio.mix import to_channels
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler
from codectool.audio.source import AudioSource


@dataclass(frozen=True)
class Piece:
    """Audio `[channels, samples]` at the model's rate, and the samples of the source read so far."""

    audio: Block
    read_samples: int
    is_last: bool = False


def pieces_of(source: AudioSource, channels: int, rate_hz: int, gathered_s: float = 0.0) -> Iterator[Piece]:
    """Read a source, mix it to so many channels and resample it; yield it as it comes, or gathered."""
    pieces = _pieces(source, channels, rate_hz)
    return _gathered(pieces, round(gathered_s * rate_hz)) if gathered_s else pieces


def _pieces(source: AudioSource, channels: int, rate_hz: int) -> Iterator[Piece]:
    resampler = Resampler(source.rate_hz, rate_hz, channels)
    samples = 0
    for block in source.blocks():
        samples += block.shape[1]
        yield Piece(resampler.push(to_channels(block, channels)), samples)
    yield Piece(resampler.finish(), samples, is_last=True)


def _gathered(pieces: Iterator[Piece], samples: int) -> Iterator[Piece]:
    """Join pieces until they hold so many samples."""
    held: list[Block] = []
    for piece in pieces:
        held.append(piece.audio)
        if piece.is_last or sum(audio.shape[1] for audio in held) >= samples:
            yield replace(piece, audio=np.concatenate(held, axis=1))
            held.clear()

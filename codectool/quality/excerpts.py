"""What a listening page plays: excerpts of recordings, and what codecs make of them, in step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr

from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block
from codectool.audio.source import open_source
from codectool.errors import DataError
from codectool.quality.codecs import Codec
from codectool.quality.signals import LAG_LIMIT_S, lag_samples, shift

ANCHOR_HZ = 3500.0
ANCHOR_STOP_HZ = 4000.0  # where BS.1534 wants the anchor 25 dB down; here it is silent


@dataclass(frozen=True)
class Excerpt:
    """A part of a recording: `audio` `[channels, samples]`, full scale ±1, from `start_s` on."""

    name: str
    audio: Block
    rate_hz: int
    start_s: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return float(self.audio.shape[1] / self.rate_hz)

    @property
    def pcm_bytes(self) -> int:
        """What it takes as 16-bit PCM at its own rate."""
        return 2 * self.audio.size


def read_excerpt(path: Path, name: str, start_s: float, duration_s: float, channels: int) -> Excerpt:
    """Read at most `duration_s` of a recording; of two channels only the mean where `channels` is 1.

    Raises FileError where the file cannot be read, and DataError where it is not audio or ends before.
    """
    with open_source(path) as source:
        first, last = round(start_s * source.rate_hz), round((start_s + duration_s) * source.rate_hz)
        pieces: list[Block] = []
        position = 0
        for block in source.blocks():
            pieces.append(block[:, max(0, first - position) : max(0, last - position)])
            position += block.shape[1]
            if position >= last:
                break
    audio = np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
    if not audio.shape[1]:
        raise DataError(
            f"{path}: has no audio from {start_s:g} s on; it lasts {position / source.rate_hz:.2f} s"
        )
    if audio.shape[0] > channels:
        audio = mix_to_mono(audio) if channels == 1 else audio[:channels]
    return Excerpt(name, audio, source.rate_hz, start_s, dict(source.tags))


def resampled(audio: Block, from_hz: int, to_hz: int) -> Block:
    """Bring `[channels, samples]` from one rate to another with soxr at its very high quality."""
    if from_hz == to_hz:
        return audio
    taken: Block = soxr.resample(audio.T, from_hz, to_hz, quality="VHQ").T
    return taken


def low_pass_anchor(excerpt: Excerpt) -> Block:
    """Return the excerpt with nothing above 3.5 kHz: the anchor of ITU-R BS.1534."""
    samples = excerpt.audio.shape[1]
    padded = 2 * samples
    hz = np.fft.rfftfreq(padded, 1 / excerpt.rate_hz)
    place = np.clip((hz - ANCHOR_HZ) / (ANCHOR_STOP_HZ - ANCHOR_HZ), 0, 1)
    filtered = np.fft.irfft(np.fft.rfft(excerpt.audio, padded) * (1 + np.cos(np.pi * place)) / 2, padded)
    anchor: Block = filtered[:, :samples].astype(np.float32)
    return anchor


def through_peer(excerpt: Excerpt, codec: Codec, rate_bps: int, recording: Path) -> tuple[Block, int]:
    """Run an excerpt, in the WAV file `recording`, through another codec.

    Returns its sound at the excerpt's rate, start and length, and the bytes it wrote. CodecError where the
    codec's commands fail.
    """
    trip = codec.roundtrip(recording, rate_bps, recording.parent)
    decoded, rate_hz = soundfile.read(trip.decoded, dtype="float32", always_2d=True)
    audio = resampled(decoded.T, rate_hz, excerpt.rate_hz)
    if not codec.compensates_delay:
        mono, coded = mix_to_mono(excerpt.audio)[0], mix_to_mono(audio)[0]
        lag = lag_samples(mono, coded, round(LAG_LIMIT_S * excerpt.rate_hz))
        audio = np.stack([shift(channel, lag) for channel in audio])
    return fitted(audio, excerpt.audio.shape), trip.bytes_written


def fitted(audio: Block, shape: tuple[int, ...]) -> Block:
    """Bring audio to `[channels, samples]` of another: cut, or filled up with silence; else their mean."""
    channels, samples = shape
    audio = (audio if len(audio) == channels else mix_to_mono(audio))[:, :samples]
    padded = np.pad(audio, ((0, 0), (0, samples - audio.shape[1])))
    whole: Block = np.broadcast_to(padded, (channels, samples))
    return whole

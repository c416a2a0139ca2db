"""The events of a reader as audio at the original rate: from the start, or from any sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler, resampled_length
from codectool.container import Audio, Header, Reader
from codectool.errors import DataError, UsageError
from codectool.models.loading import LoadedModel
from codectool.session import BLOCK_FRAMES, DecoderSession

LONGEST_LOSS_S = 3600  # beyond as much as there is sound: forged numbers may claim years of lost audio
RESAMPLER_CONTEXT_S = 0.25  # more than any resampling filter here spans on one side


@dataclass(frozen=True)
class Part:
    """Samples at the original rate, from `first_sample` to before `end_sample`, None for the end."""

    first_sample: int = 0
    end_sample: int | None = None


@dataclass(frozen=True)
class Start:
    """Where decoding must begin for a part: in frames for the decoder, in model samples for the resampler."""

    frame: int
    model_sample: int
    original_sample: int  # the same instant as model_sample, exactly


def block_frames_of(header: Header) -> int:
    """Return the frames a decoding block has: a packet's, if it is short, so that no packet waits."""
    return min(BLOCK_FRAMES, header.frames_per_packet)


def start_of(part: Part, header: Header, reach_frames: int | None) -> Start:
    """Return where to begin so that the part comes out as from a whole decode: for unbounded reach, at 0."""
    if reach_frames is None:
        return Start(0, 0, 0)
    model_hz, original_hz = header.model_rate_hz, header.original_rate_hz
    common = math.gcd(model_hz, original_hz)
    step, original_step = (
        model_hz // common,
        original_hz // common,
    )  # both clocks tick together every so often
    wanted = part.first_sample * model_hz // original_hz - round(RESAMPLER_CONTEXT_S * model_hz)
    ticks = max(0, wanted // step)
    frame = ticks * step // header.hop_samples - reach_frames
    aligned = math.lcm(header.frames_per_packet, block_frames_of(header))
    return Start(max(0, frame // aligned * aligned), ticks * step, ticks * original_step)


def decode_blocks(reader: Reader, model: LoadedModel, part: Part | None = None) -> Iterator[Block]:
    """Yield audio `[streams, samples]` at the original rate: exactly as long as the recording, or the part.

    Lost frames become silence, and what follows keeps its place. Of a file cut off, all before the cut comes.
    A file is read from just before the part on, a pipe from its start.
    """
    part = part or Part()
    start = start_of(part, reader.header, model.codec.decoder.receptive_field)
    start = _seek(reader, start)
    drop = part.first_sample - start.original_sample
    left = None if part.end_sample is None else part.end_sample - part.first_sample
    for block in _resampled(reader, model, start):
        block, drop = block[:, drop:], max(0, drop - block.shape[1])
        if left is not None:
            block = block[:, :left]
            left -= block.shape[1]
        yield block
        if left == 0:
            return


def _seek(reader: Reader, start: Start) -> Start:
    """Go to the start in the file; where that is not possible, decode everything before it too."""
    if start.frame:
        with suppress(DataError, UsageError):
            reader.seek(start.frame)
            return start
    return Start(0, start.model_sample, start.original_sample)


def _resampled(reader: Reader, model: LoadedModel, start: Start) -> Iterator[Block]:
    header = reader.header
    resampler = Resampler(header.model_rate_hz, header.original_rate_hz, header.streams)
    drop = start.model_sample - start.frame * header.hop_samples
    held = np.zeros(
        (header.streams, 0), np.float32
    )  # the last hop: only the last packet says how much counts
    pushed_samples = 0
    for block in _model_audio(reader, model, start.frame):
        block, drop = block[:, drop:], max(0, drop - block.shape[1])
        joined = np.concatenate((held, block), axis=1)
        ready = max(0, joined.shape[1] - header.hop_samples)
        held = joined[:, ready:]
        pushed_samples += ready
        yield resampler.push(joined[:, :ready])
    if reader.total_samples is None:
        yield resampler.push(held)
        yield resampler.finish()
        return
    total_model_samples = resampled_length(
        reader.total_samples, header.original_rate_hz, header.model_rate_hz
    )
    needed_samples = max(0, total_model_samples - start.model_sample)
    yield resampler.push(held[:, : max(0, needed_samples - pushed_samples)])
    yield resampler.finish(max(0, reader.total_samples - start.original_sample))


def _model_audio(reader: Reader, model: LoadedModel, frame: int) -> Iterator[Block]:
    header = reader.header
    block_frames = block_frames_of(header)
    sessions = [DecoderSession(model, block_frames) for _ in range(header.streams)]
    allowed_samples = LONGEST_LOSS_S * header.model_rate_hz
    for event in reader:
        if isinstance(event, Audio):
            allowed_samples += event.codes.shape[2] * header.hop_samples
            yield np.concatenate([s.push(codes) for s, codes in zip(sessions, event.codes, strict=True)])
        elif event.frames != 0:
            yield np.concatenate([session.lose() for session in sessions])
            silent_samples = ((event.frames or 1) - 1) * header.hop_samples
            allowed_samples -= silent_samples
            if allowed_samples < 0:
                raise DataError("is said to have lost an hour more than it holds: it is not what it says")
            while silent_samples > 0:
                piece = min(silent_samples, header.model_rate_hz)
                silent_samples -= piece
                yield np.zeros((header.streams, piece), np.float32)
    yield np.concatenate([session.finish() for session in sessions])

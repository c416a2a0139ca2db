"""The events of a reader as audio at the original rate: from the start, or from any sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler, resampled_length
from codectool.container import AnyHeader, AnyReader, Audio, Gap
from codectool.container.fit import heard_channels
from codectool.errors import DataError, UsageError
from codectool.models.loaded import LoadedModel
from codectool.models.registry import PACKET_S
from codectool.pipeline.common import prefetch
from codectool.sessions.payloads import Payload, payload_decoder

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


def block_frames_of(header: AnyHeader) -> int:
    """Return the frames a decoding block has: a packet's, if it is short, so that no packet waits."""
    usual = max(1, round(PACKET_S * header.model_rate_hz / header.hop_samples))
    return min(usual, header.frames_per_packet)


def start_of(part: Part, header: AnyHeader, reach_frames: int | None) -> Start:
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


def decode_blocks(
    reader: AnyReader, model: LoadedModel, part: Part | None = None, gathered_s: float = 0.0
) -> Iterator[Block]:
    """Yield audio `[channels, samples]` at the original rate: exactly as long as the recording, or the part.

    Lost frames become silence, and what follows keeps its place. Of a file cut off, all before the cut comes.
    A file is read from just before the part on, a pipe from its start. Where so many seconds are gathered,
    they are decoded while the next are read; else sound comes as soon as there is any.
    """
    part = part or Part()
    if part.end_sample is not None:
        part_s = (part.end_sample - part.first_sample) / reader.header.original_rate_hz
        gathered_s = min(gathered_s, part_s)
    start = start_of(part, reader.header, model.decoder.receptive_field_frames)
    start = _seek(reader, start)
    drop = part.first_sample - start.original_sample
    left = None if part.end_sample is None else part.end_sample - part.first_sample
    for block in _resampled(reader, model, start, gathered_s):
        block, drop = block[:, drop:], max(0, drop - block.shape[1])
        if left is not None:
            block = block[:, :left]
            left -= block.shape[1]
        yield block
        if left == 0:
            return


def _seek(reader: AnyReader, start: Start) -> Start:
    """Go to the start in the file; where that is not possible, decode everything before it too."""
    if start.frame:
        with suppress(DataError, UsageError):
            reader.seek(start.frame)
            return start
    return Start(0, start.model_sample, start.original_sample)


def _resampled(reader: AnyReader, model: LoadedModel, start: Start, gathered_s: float) -> Iterator[Block]:
    header = reader.header
    channels = heard_channels(header, model.entry)
    resampler = Resampler(header.model_rate_hz, header.original_rate_hz, channels)
    drop = start.model_sample - start.frame * header.hop_samples
    held = np.zeros((channels, 0), np.float32)  # the last hop: only the last packet says how much counts
    pushed_samples = 0
    for sound in _model_audio(reader, model, gathered_s):
        block = sound if len(sound) == channels else mix_to_mono(sound)
        block, drop = block[:, drop:], max(0, drop - block.shape[1])
        joined = np.concatenate((held, block), axis=1)
        ready = max(0, joined.shape[1] - header.hop_samples)
        held = joined[:, ready:]
        pushed_samples += ready
        yield resampler.push(joined[:, :ready])
    total_samples = reader.total_samples
    if total_samples is not None:
        total_model_samples = resampled_length(total_samples, header.original_rate_hz, header.model_rate_hz)
        needed_samples = max(0, total_model_samples - start.model_sample)
        if needed_samples >= pushed_samples:
            yield resampler.push(held[:, : needed_samples - pushed_samples])
            yield resampler.finish(max(0, total_samples - start.original_sample))
            return
        end_frame = (start.model_sample + pushed_samples) // header.hop_samples
        reader.report(end_frame, "the length it states is less than it holds")
    yield resampler.push(held)
    yield resampler.finish()


def _model_audio(reader: AnyReader, model: LoadedModel, gathered_s: float) -> Iterator[Block]:
    """Yield audio at the model's rate: what is decoded, and silence where something was lost."""
    header = reader.header
    decoder = payload_decoder(model, header.streams, block_frames_of(header))

    def sound_of(event: Audio | Gap | None) -> tuple[Audio | Gap | None, Block, int]:
        """Return an event, None for the end, with its sound and the samples of silence behind it."""
        if event is None:
            return event, decoder.finish(), 0
        if isinstance(event, Audio):
            return event, decoder.push(Payload(event.codes, event.scale)), 0
        if event.frames == 0:
            return event, np.zeros((header.streams * model.entry.channels, 0), np.float32), 0
        return event, *decoder.conceal(event.frames)

    gathered_frames = 0 if model.segments is not None else model.entry.frames_in(gathered_s)
    events = chain(_gathered(reader, gathered_frames if gathered_s else 0), (None,))
    allowed_samples = LONGEST_LOSS_S * header.model_rate_hz
    for event, sound, silent_samples in prefetch(sound_of, events) if gathered_s else map(sound_of, events):
        yield from _pieces(sound, header.model_rate_hz)
        if isinstance(event, Audio):
            allowed_samples += event.codes.shape[2] * header.hop_samples
        allowed_samples -= silent_samples
        if allowed_samples < 0:
            raise DataError("is said to have lost an hour more than it holds: it is not what it says")
        while silent_samples > 0:
            piece = min(silent_samples, header.model_rate_hz)
            silent_samples -= piece
            yield np.zeros((len(sound), piece), np.float32)


def _pieces(sound: Block, samples: int) -> Iterator[Block]:
    """Cut sound up: resampling and writing take several times the memory of what they are given."""
    for first in range(0, sound.shape[1], samples):
        yield sound[:, first : first + samples]


def _gathered(reader: AnyReader, frames: int) -> Iterator[Audio | Gap]:
    """Join the codes of packets until they hold so many frames, or something was lost after them."""
    held: list[Audio] = []
    held_frames = 0

    def release() -> Iterator[Audio]:
        if held:
            yield replace(held[0], codes=np.concatenate([audio.codes for audio in held], axis=2))
            held.clear()

    for event in reader:
        if isinstance(event, Audio) and event.scale is None:
            held.append(event)
            held_frames += event.codes.shape[2]
            if held_frames >= frames:
                yield from release()
                held_frames = 0
        else:
            yield from release()
            yield event
    yield from release()

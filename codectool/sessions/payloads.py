"""One interface for everything that codes a recording: payloads, as packets carry them, in and out.

A payload holds the codes of all streams of a recording, and the scale of a segment. So the loops above know
neither segments nor the number of streams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.models.loaded import LoadedModel
from codectool.sessions.segments import Segment, SegmentDecoderSession, SegmentEncoderSession
from codectool.sessions.streaming import DecoderSession, EncoderSession


@dataclass(frozen=True)
class Payload:
    """Codes `[streams, levels, frames]`, and the scale where they are a segment.

    They are a whole segment of a model that codes in segments, and any number of frames of another.
    """

    codes: Codes
    scale: float | None = None


class PayloadEncoder(Protocol):
    """Encodes a recording `[streams * channels, samples]` at the model's rate."""

    def push(self, block: Block) -> list[Payload]:
        """Take any number of samples `[streams * channels, samples]`; return the payloads they complete."""
        ...

    def finish(self, last: Block | None = None) -> list[Payload]:
        """Take the last samples, if any, and end the recording; return the payloads that are left."""
        ...


class PayloadDecoder(Protocol):
    """Decodes a recording to audio `[streams * channels, samples]` at the model's rate."""

    def push(self, payload: Payload) -> Block:
        """Take the next payload; return the audio `[streams * channels, samples]` that is ready."""
        ...

    def conceal(self, frames: int | None) -> tuple[Block, int]:
        """Note that the next `frames` frames are lost; None means an unknown number, to the end.

        Returns the audio `[streams * channels, samples]` in which the sound ends, and the number of samples
        of silence that stand for the rest of what was lost.
        """
        ...

    def finish(self) -> Block:
        """End the recording; return its last audio `[streams * channels, samples]`."""
        ...


def payload_encoder(
    model: LoadedModel, levels: int, streams: int = 1, block_frames: int | None = None
) -> PayloadEncoder:
    """Return an encoder of a recording.

    It codes in segments if the model does so, and otherwise each stream by itself, in blocks of
    `block_frames` (None: the model's usual).
    """
    if model.segments is not None:
        return SegmentPayloads(model, levels)
    return StreamPayloads([EncoderSession(model, levels, block_frames) for _ in range(streams)])


def payload_decoder(model: LoadedModel, streams: int = 1, block_frames: int | None = None) -> PayloadDecoder:
    """Return a decoder of a recording; the arguments are as for `payload_encoder`."""
    if model.segments is not None:
        return SegmentSound(model)
    return StreamSound([DecoderSession(model, block_frames) for _ in range(streams)])


class StreamPayloads:
    """Encodes a recording of a model that streams: each stream by a session of its own."""

    def __init__(self, sessions: list[EncoderSession]) -> None:
        self._sessions = sessions
        self._channels = sessions[0].model.entry.channels

    def push(self, block: Block) -> list[Payload]:
        codes = [session.push(audio) for session, audio in self._split(block)]
        return _payloads(codes)

    def finish(self, last: Block | None = None) -> list[Payload]:
        if last is None:
            return _payloads([session.finish() for session in self._sessions])
        return _payloads([session.finish(audio) for session, audio in self._split(last)])

    def _split(self, block: Block) -> list[tuple[EncoderSession, Block]]:
        starts = range(0, len(block), self._channels)
        blocks = [block[start : start + self._channels] for start in starts]
        return list(zip(self._sessions, blocks, strict=True))


class StreamSound:
    """Decodes a recording of a model that streams: each stream by a session of its own."""

    def __init__(self, sessions: list[DecoderSession]) -> None:
        self._sessions = sessions
        self._hop_samples = sessions[0].model.entry.hop_samples

    def push(self, payload: Payload) -> Block:
        streams = zip(self._sessions, payload.codes, strict=True)
        return np.concatenate([session.push(codes) for session, codes in streams])

    def conceal(self, frames: int | None) -> tuple[Block, int]:
        sound = np.concatenate([session.conceal() for session in self._sessions])
        return sound, ((frames or 1) - 1) * self._hop_samples

    def finish(self) -> Block:
        return np.concatenate([session.finish() for session in self._sessions])


class SegmentPayloads:
    """Encodes a recording of a model that codes in segments."""

    def __init__(self, model: LoadedModel, levels: int) -> None:
        self._session = SegmentEncoderSession(model, levels)
        self._scaled = model.entry.scaled

    def push(self, block: Block) -> list[Payload]:
        return self._payloads(self._session.push(block))

    def finish(self, last: Block | None = None) -> list[Payload]:
        return self._payloads(self._session.finish(last))

    def _payloads(self, segments: list[Segment]) -> list[Payload]:
        return [Payload(one.codes[None], one.scale if self._scaled else None) for one in segments]


class SegmentSound:
    """Decodes a recording of a model that codes in segments."""

    def __init__(self, model: LoadedModel) -> None:
        self._session = SegmentDecoderSession(model)
        self._segment_frames = model.entry.packet_frames()
        self._channels = model.entry.channels

    def push(self, payload: Payload) -> Block:
        return self._session.push(Segment(payload.codes[0], 1.0 if payload.scale is None else payload.scale))

    def conceal(self, frames: int | None) -> tuple[Block, int]:
        if not frames:  # of what is lost to an unknown end nothing needs a place
            return np.zeros((self._channels, 0), np.float32), 0
        lost_segments = -(-frames // self._segment_frames)
        # the first ends what was heard; each other leaves the session as it is, and lasts a stride
        return self._session.conceal(), (lost_segments - 1) * self._session.stride_samples

    def finish(self) -> Block:
        return self._session.finish()


def _payloads(codes: list[Codes]) -> list[Payload]:
    return [Payload(np.stack(codes))] if codes[0].shape[1] else []

"""One stream of a model that codes in segments, several channels at once.

Segments overlap, and each has a scale, which is its loudness. They are counted from the stream's start, so
that the same audio gives the same codes in whatever pieces it is pushed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.engines.network import SegmentNetwork
from codectool.models.loaded import LoadedModel
from codectool.sessions.overlap import Overlap, OverlapAdd


@dataclass(frozen=True)
class Segment:
    """Codes `[levels, frames]` of one segment, and the scale by which its decoded audio is multiplied."""

    codes: Codes
    scale: float


class SegmentEncoderSession:
    """Encodes one stream of audio `[channels, samples]`, at the model's rate, to segments."""

    def __init__(self, model: LoadedModel, levels: int) -> None:
        model.entry.check_levels(levels)
        self.model = model
        self.levels = levels
        self._network, self._segment_samples, self._stride_samples = _segmented(model)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._held = np.zeros((self.model.entry.channels, 0), np.float32)

    def push(self, block: Block) -> list[Segment]:
        """Take any number of samples; return the segments they fill."""
        self._held = np.concatenate((self._held, block), axis=1)
        segments = []
        while self._held.shape[1] >= self._segment_samples:
            segments.append(self._next())
        return segments

    def finish(self, last: Block | None = None) -> list[Segment]:
        """End the stream; return its last segments, one or two of which are shorter."""
        segments = [] if last is None else self.push(last)
        while self._held.shape[1]:
            segments.append(self._next())
        self.reset()
        return segments

    def _next(self) -> Segment:
        audio = self._held[:, : self._segment_samples]
        self._held = self._held[:, self._stride_samples :]
        return Segment(*self._network.encode_segment(audio, self.levels))


class SegmentDecoderSession:
    """Decodes one stream of segments to audio `[channels, samples]` at the model's rate."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self._network, self._segment_samples, self.stride_samples = _segmented(model)
        self._overlap = OverlapAdd(self.stride_samples)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._state: Overlap | None = None

    def push(self, segment: Segment) -> Block:
        """Take the next segment; return the audio that no later segment changes."""
        return self._add(self._network.decode_segment(segment.codes, segment.scale))

    def conceal(self) -> Block:
        """Put silence in the place of the next segment, which is lost; return the audio that is ready."""
        samples = self._segment_samples if self._state is None else len(self._state.triangle)  # as the first
        return self._add(np.zeros((self.model.entry.channels, samples), np.float32))

    def finish(self) -> Block:
        """End the stream; return its last audio. In all it is up to a hop longer than what was encoded."""
        rest = self._overlap.finish(self._state)
        self.reset()
        return np.zeros((self.model.entry.channels, 0), np.float32) if rest is None else rest

    def _add(self, audio: Block) -> Block:
        ready, self._state = self._overlap.step(audio, self._state)
        return ready


def _segmented(model: LoadedModel) -> tuple[SegmentNetwork, int, int]:
    """Return what codes a model's segments, and their length and distance; ValueError if it has none."""
    entry = model.entry
    if model.segments is None or entry.segment_samples is None or entry.segment_stride_samples is None:
        raise ValueError(f"{entry.name} does not code in segments")
    return model.segments, entry.segment_samples, entry.segment_stride_samples

"""One stream of a model that codes in segments, each with the loudness it had: several channels at once.

Segments overlap, and count from the stream's start: the same audio gives the same codes in whatever pieces it
is pushed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.engines.blocks import on_threads
from codectool.models.encodec import EncodecCodec
from codectool.models.loading import LoadedModel
from codectool.nn.layer import State
from codectool.nn.overlap import OverlapAdd


@dataclass(frozen=True)
class Segment:
    """Codes `[levels, frames]`, and what the audio they are decoded to is multiplied by."""

    codes: Codes
    scale: float


class SegmentEncoderSession:
    """Encodes one stream of audio `[channels, samples]` at the model's rate to segments."""

    def __init__(self, model: LoadedModel, levels: int) -> None:
        model.entry.check_levels(levels)
        self.model = model
        self.levels = levels
        self._codec, self._segment_samples, self._stride_samples = _segmented(model)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._held = np.zeros((self.model.entry.channels, 0), np.float32)

    def push(self, block: Block) -> list[Segment]:
        """Take any number of samples; give the segments they fill."""
        self._held = np.concatenate((self._held, block), axis=1)
        segments = []
        while self._held.shape[1] >= self._segment_samples:
            segments.append(self._next())
        return segments

    def finish(self) -> list[Segment]:
        """End the stream and give its last segments, which are shorter: one, two or none."""
        segments = []
        while self._held.shape[1]:
            segments.append(self._next())
        self.reset()
        return segments

    def _next(self) -> Segment:
        audio = torch.from_numpy(np.ascontiguousarray(self._held[:, : self._segment_samples].T))[None]
        self._held = self._held[:, self._stride_samples :]
        with on_threads(1), torch.inference_mode():
            device = self._codec.quantizer.codebooks.device
            codes, scale = self._codec.encode_segment(audio.to(device), self.levels)
            return Segment(codes[0].cpu().numpy().astype(np.uint16), float(scale))


class SegmentDecoderSession:
    """Decodes one stream of segments to audio `[channels, samples]` at the model's rate."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self._codec, self._segment_samples, stride_samples = _segmented(model)
        self._overlap = OverlapAdd(stride_samples)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._state: State = self._overlap.initial_state()

    def push(self, segment: Segment) -> Block:
        """Take the next segment; give the audio that no later one changes."""
        with on_threads(1), torch.inference_mode():
            device = self._codec.quantizer.codebooks.device
            codes = torch.from_numpy(segment.codes.astype(np.int64))[None].to(device)
            audio = self._codec.decode_segment(codes, torch.tensor([segment.scale], device=device))
            ready, self._state = self._overlap.step(audio, self._state)
            return ready[0].T.cpu().numpy()

    def lose(self) -> Block:
        """Take the next segment for lost: silence is put in its place."""
        with torch.inference_mode():
            samples = len(self._state[0]) if self._state else self._segment_samples  # as the first had
            silence = torch.zeros(1, samples, self.model.entry.channels)
            ready, self._state = self._overlap.step(silence, self._state)
            return ready[0].T.numpy()

    def finish(self) -> Block:
        """End the stream and give its last audio: in all, up to a hop more than was encoded."""
        rest = self._overlap.finish(self._state)
        self.reset()
        if rest is None:
            return np.zeros((self.model.entry.channels, 0), np.float32)
        return rest[0].T.cpu().numpy()


def _segmented(model: LoadedModel) -> tuple[EncodecCodec, int, int]:
    """Return a model's network, and its segments' length and distance; ValueError if it has none."""
    entry = model.entry
    if entry.segment_samples is None or entry.segment_stride_samples is None:
        raise ValueError(f"{entry.name} does not code in segments")
    assert isinstance(model.codec, EncodecCodec)
    return model.codec, entry.segment_samples, entry.segment_stride_samples

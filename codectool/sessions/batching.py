"""Several short recordings encoded side by side, each as if it were alone.

A pass through the network has a cost of its own, for reading its weights and starting its operations: 1.6 ms
on an AMD EPYC, a fifth of what 3 s of audio take in all. Recordings in one pass share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.models.loaded import LoadedModel
from codectool.sessions.blocks import JOINED_S
from codectool.sessions.streaming import EncoderSession

PADDED_SHARE = 0.05  # of a shorter one may be silence to fill it up, which costs what sound does


@dataclass(frozen=True)
class Clip:
    """A whole recording `[channels, samples]` at the model's rate, to be coded with so many levels."""

    model: LoadedModel
    audio: Block
    levels: int
    block_frames: int | None = None  # of the session that would encode it alone

    @property
    def frames(self) -> int:
        """Frames that it is coded in."""
        return self.model.encoder.frames_for(self.audio.shape[1])

    def encode_alone(self) -> Codes:
        """Return its codes, uint16 `[levels, frames]`, by a session of its own."""
        return EncoderSession(self.model, self.levels, self.block_frames).finish(self.audio)


def encode_clips(clips: Sequence[Clip]) -> list[Codes | None]:
    """Return for each clip the codes, uint16 `[levels, frames]`, that its session alone would give.

    Clips of one model, the same levels and similar length share a pass. A clip that shares none gets None.
    """
    codes: dict[int, Codes] = {}
    for group in _groups(clips):
        if len(group) > 1:
            codes |= zip(group, _pass([clips[number] for number in group]), strict=True)
    return [codes.get(number) for number in range(len(clips))]


def _groups(clips: Sequence[Clip]) -> list[list[int]]:
    """Return the numbers of the clips that share a pass, the longest first."""
    groups: list[list[int]] = []
    for number in sorted(range(len(clips)), key=lambda number: -clips[number].frames):
        if groups and _fits(clips[number], clips[groups[-1][0]], len(groups[-1])):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _fits(clip: Clip, longest: Clip, count: int) -> bool:
    """Whether a clip can join a pass of so many."""
    return (
        clip.model is longest.model
        and clip.levels == longest.levels
        and _keeps_bits(clip.model)
        and (count + 1) * longest.frames <= clip.model.entry.frames_in(JOINED_S)
        and clip.frames >= (1 - PADDED_SHARE) * longest.frames > 0
    )


def _keeps_bits(model: LoadedModel) -> bool:
    """Whether streams side by side, the shorter filled up with silence, get the codes of each alone."""
    encoder = model.encoder
    ends_as_silence = not (encoder.first_push_samples or encoder.look_ahead_samples)
    return model.joins_blocks and ends_as_silence and model.entry.streams


def _pass(clips: Sequence[Clip]) -> list[Codes]:
    first = clips[0]
    encoder, samples = first.model.encoder, first.frames * first.model.entry.hop_samples
    audio = np.zeros((len(clips), first.model.entry.channels, samples), np.float32)
    for row, clip in zip(audio, clips, strict=True):
        row[:, : clip.audio.shape[1]] = clip.audio
    codes, _ = encoder.step(audio, encoder.initial_state(len(clips)), first.levels)
    return [coded[:, : clip.frames] for coded, clip in zip(codes, clips, strict=True)]

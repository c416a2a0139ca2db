"""Several short recordings encoded side by side, each as if it were alone.

A pass through the network has a cost of its own, for reading its weights and starting its operations: 1.6 ms
on an AMD EPYC, a fifth of what 3 s of audio take in all. Recordings in one pass share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.engines.blocks import JOINED_FRAMES, on_threads
from codectool.models.loading import LoadedModel
from codectool.sessions.streaming import EncoderSession

PADDED_SHARE = 0.05  # of a shorter one may be silence to fill it up, which costs what sound does


@dataclass(frozen=True)
class Whole:
    """A whole recording `[1, samples]` at the model's rate, and a session for it that has seen nothing."""

    session: EncoderSession
    audio: Block

    @property
    def frames(self) -> int:
        """Frames that it is coded in."""
        return self.session.model.codec.frames_for(self.audio.shape[1])


def encode_together(recordings: Sequence[Whole]) -> list[Codes | None]:
    """Return for each recording the codes, uint16 `[levels, frames]`, that its session alone would give.

    Those of one model, as many levels and like length share a pass; None for one that shares none.
    """
    codes: dict[int, Codes] = {}
    for group in _groups(recordings):
        if len(group) > 1:
            codes |= zip(group, _pass([recordings[number] for number in group]), strict=True)
    return [codes.get(number) for number in range(len(recordings))]


def _groups(recordings: Sequence[Whole]) -> list[list[int]]:
    """Return the numbers of the recordings that share a pass, the longest first."""
    groups: list[list[int]] = []
    for number in sorted(range(len(recordings)), key=lambda number: -recordings[number].frames):
        if groups and _fits(recordings[number], recordings[groups[-1][0]], len(groups[-1])):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _fits(recording: Whole, longest: Whole, count: int) -> bool:
    """Whether a recording can join a pass of so many."""
    session, other = recording.session, longest.session
    return (
        session.model is other.model
        and session.levels == other.levels
        and _keeps_bits(session.model)
        and (count + 1) * longest.frames <= JOINED_FRAMES
        and recording.frames >= (1 - PADDED_SHARE) * longest.frames > 0
    )


def _keeps_bits(model: LoadedModel) -> bool:
    """Whether streams side by side, the shorter filled up with silence, get the codes of each alone."""
    return model.joins_blocks and model.codec.encoder.first_push == 0 and model.entry.longest_samples is None


def _pass(recordings: Sequence[Whole]) -> list[Codes]:
    session = recordings[0].session
    codec = session.model.codec
    audio = np.zeros((len(recordings), recordings[0].frames * session.model.entry.hop_samples, 1), np.float32)
    for row, recording in zip(audio, recordings, strict=True):
        row[: recording.audio.shape[1], 0] = recording.audio[0]
    with on_threads(1), torch.inference_mode():
        samples = torch.from_numpy(audio).to(codec.quantizer.codebooks.device)
        latents, _ = codec.encoder.step(samples, codec.encoder.initial_state(len(recordings)))
        codes = codec.quantizer.encode(latents, session.levels).cpu().numpy().astype(np.uint16)
    return [coded[:, : recording.frames] for coded, recording in zip(codes, recordings, strict=True)]

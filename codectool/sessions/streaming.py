"""One stream being encoded or decoded; its session owns the only state that changes.

The network runs over blocks of one fixed number of frames, counted from the stream's start. So the same audio
gives the same codes in whatever pieces it is pushed. What is left at the end is filled up with zeros to whole
steps; a network that needs to know where the audio ends gets it in its own `finish` instead.
`sessions.blocks` says how several blocks are computed at once, with the same result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from codectool.audio.hops import HopFramer
from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.engines.network import State
from codectool.engines.threads import usable_threads
from codectool.errors import UsageError
from codectool.models.loaded import LoadedModel
from codectool.models.registry import ModelEntry
from codectool.sessions.blocks import JOINED_S, Grid

LAST_STEP_S = 1 / 15  # the last block is a multiple of: short files cost little more than long ones
FADE_S = 0.01  # sound fades over this long at the edges of lost audio


class EncoderSession:
    """Encodes one stream of audio `[channels, samples]`, at the model's rate, to codes `[levels, frames]`.

    Codes come when a block of `block_frames` frames is full (None: as many as a packet has). A model that
    looks ahead gives them `latency_samples` samples later. A long push is encoded in up to `threads` parts at
    once (None: one a core). ValueError for levels that the model does not have.
    """

    def __init__(
        self, model: LoadedModel, levels: int, block_frames: int | None = None, threads: int | None = None
    ) -> None:
        entry = model.entry
        entry.check_levels(levels)
        self.model = model
        self.levels = levels
        self._network = network = model.encoder
        first_frames = network.first_push_samples // entry.hop_samples
        self.block_frames = _block_frames(entry, block_frames, first_frames)
        self.block_samples = self.block_frames * entry.hop_samples
        self.latency_samples = network.look_ahead_samples
        self._is_filled_up = not (network.first_push_samples or network.look_ahead_samples)
        field = network.receptive_field_samples
        own = (
            1 if network.look_ahead_samples else entry.hop_samples
        )  # of the field, samples of the frame itself
        self._grid = Grid(
            self.block_samples,
            None if field is None else -(-(field - own) // self.block_samples),
            threads or usable_threads(),
            network.initial_state(1),
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._framer = HopFramer(self.block_samples, self.model.entry.channels)
        self._state: State = self._grid.start
        self._pushed_samples = 0
        self._given_frames = 0

    def push(self, block: Block) -> Codes:
        """Take any samples; return the codes, uint16 `[levels, frames]`, of the blocks they fill."""
        self._count(block)
        return self._encode(self._framer.push(block))

    def finish(self, last: Block | None = None) -> Codes:
        """End the stream, with its last samples if any; return its last codes, uint16 `[levels, frames]`.

        A stream of n samples has the network's `frames_for(n)` frames in all. Audio that is given here is
        encoded together with what is held back, which costs less than pushing it before.
        """
        channels, hop_samples = self.model.entry.channels, self.model.entry.hop_samples
        last = np.zeros((channels, 0), np.float32) if last is None else last
        self._count(last)
        whole, rest = self._framer.push(last), self._framer.rest()
        if not self._is_filled_up:
            codes = np.concatenate((self._encode(whole), self._encode(rest, ends=True)), axis=1)
            self.reset()
            return codes
        missing_frames = self._network.frames_for(self._pushed_samples) - self._given_frames
        # Silence fills the last block; of its frames only those count that the network's finish would give.
        rest_frames = _whole_steps(
            missing_frames - whole.shape[1] // hop_samples, self.block_frames, self.model.entry
        )
        padding = np.zeros((channels, rest_frames * hop_samples - rest.shape[1]), np.float32)
        codes = self._encode(np.concatenate((whole, rest, padding), axis=1))[:, :missing_frames]
        self.reset()
        return codes

    def _count(self, block: Block) -> None:
        _check_shape(block, self.model.entry.channels)
        self._pushed_samples += block.shape[1]
        _check_length(self._pushed_samples, self.model.entry)

    def _encode(self, whole: Block, ends: bool = False) -> Codes:
        """Encode in blocks, of which the last of a stream may be shorter; what `ends` it is finished."""
        if ends:
            codes: Codes = self._network.finish(whole[None], self._state, self.levels)[0]
        else:
            joined = _joined(self.model, self.levels, self.block_frames)
            blocks, self._state = self._grid.run(self._step, whole[None], self._state, joined)
            codes = np.concatenate([np.zeros((self.levels, 0), np.uint16), *(b[0] for b in blocks)], axis=1)
        self._given_frames += codes.shape[1]
        return codes

    def _step(self, audio: Any, state: State) -> tuple[Any, State]:
        return self._network.step(audio, state, self.levels)


class DecoderSession:
    """Decodes one stream of codes `[levels, frames]` to audio `[channels, samples]` at the model's rate.

    The audio begins with the first encoded sample. It lags the codes by `latency_samples` samples, and by the
    time that a block takes to fill. A long push is decoded in up to `threads` parts at once (None: one a
    core).
    """

    def __init__(
        self, model: LoadedModel, block_frames: int | None = None, threads: int | None = None
    ) -> None:
        self.model = model
        self._network = network = model.decoder
        self.block_frames = _block_frames(model.entry, block_frames, network.first_push_frames)
        self.latency_samples = network.latency_samples + network.look_ahead_frames * model.entry.hop_samples
        self._is_filled_up = not (network.first_push_frames or network.look_ahead_frames)
        field = network.receptive_field_frames
        self._grid = Grid(
            self.block_frames,
            None if field is None else -(-(field - 1) // self.block_frames),
            threads or usable_threads(),
            network.initial_state(1),
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._waiting: list[Codes] = []  # frames of a block that is not full yet
        self._restart()
        self._skip_samples = self._network.latency_samples  # these come before the first encoded sample
        self._last_frame: Codes | None = None

    def push(self, codes: Codes) -> Block:
        """Take any number of frames, uint16 `[levels, frames]`; return the audio of the blocks they fill."""
        if codes.shape[1]:
            self._last_frame = codes[:, -1:]
        self._waiting.append(codes)
        joined = np.concatenate(self._waiting, axis=1)
        _check_length((joined.shape[1] - 1) * self.model.entry.hop_samples + 1, self.model.entry)
        whole_frames = joined.shape[1] // self.block_frames * self.block_frames
        self._waiting = [joined[:, whole_frames:]]
        return self._decode(joined[:, :whole_frames])

    def finish(self) -> Block:
        """End the stream; return its last audio. In all it has a hop for each frame, less the latency."""
        waiting = self._waiting
        audio = self._decode(np.concatenate(waiting, axis=1), ends=True) if waiting else self._no_audio()
        self.reset()
        return audio

    def conceal(self) -> Block:
        """Note that the next frames are lost; return the audio that was waiting, and a hop that fades out.

        For n lost frames the caller adds n - 1 hops of silence. The stream then begins anew, and the
        synthesis fades it in over a hop.
        """
        hop_samples = self.model.entry.hop_samples
        if self._last_frame is None:  # nothing was heard yet, and the latency takes the place of the hop
            skipped, self._skip_samples = self._skip_samples, 0
            return np.zeros((self.model.entry.channels, hop_samples - skipped), np.float32)
        fade_samples = min(round(FADE_S * self.model.entry.sample_rate_hz), hop_samples)
        audio = self._decode(np.concatenate((*self._waiting, self._last_frame), axis=1), ends=True)
        start = audio.shape[1] - hop_samples
        audio[:, start : start + fade_samples] *= np.linspace(1, 0, fade_samples, dtype=np.float32)
        audio[:, start + fade_samples :] = 0
        self._restart()
        self._last_frame = None  # nothing is left to fade, should more be lost before any sound
        return audio

    def _restart(self) -> None:
        self._state: State = self._grid.start
        self._waiting = []
        self._given_samples = 0  # since the start, latency included
        self._decoded_frames = 0

    def _decode(self, codes: Codes, ends: bool = False) -> Block:
        """Decode in blocks; what `ends` a stream is filled up with what is then cut off, or is finished."""
        self._decoded_frames += codes.shape[1]
        if ends and not self._is_filled_up:
            blocks: list[Any] = [self._network.finish(codes[None], self._state)]
        else:
            step = _whole_steps(codes.shape[1], self.block_frames, self.model.entry) if ends else 0
            padded = np.pad(codes, ((0, 0), (0, max(0, step - codes.shape[1]))))
            joined = _joined(self.model, len(codes), self.block_frames)
            blocks, self._state = self._grid.run(self._network.step, padded[None], self._state, joined)
        audio = np.concatenate([self._no_audio(), *(block[0] for block in blocks)], axis=1)
        # of what filled the last block up, nothing is given out
        left_samples = self._decoded_frames * self.model.entry.hop_samples - self._given_samples
        audio = audio[:, :left_samples]
        self._given_samples += audio.shape[1]
        skipped = min(self._skip_samples, audio.shape[1])
        self._skip_samples -= skipped
        return audio[:, skipped:]

    def _no_audio(self) -> Block:
        return np.zeros((self.model.entry.channels, 0), np.float32)


def _joined(model: LoadedModel, levels: int, block_frames: int) -> int:
    """Return how many blocks of so many levels are computed together."""
    if levels not in model.joined_levels:
        return 1
    return max(1, model.entry.frames_in(JOINED_S) // block_frames)


def _whole_steps(frames: int, block_frames: int, entry: ModelEntry) -> int:
    """Return how many frames the last blocks of a stream have that hold so many."""
    last_step = entry.frames_in(LAST_STEP_S)
    step = block_frames if block_frames % last_step else last_step
    return -(-frames // step) * step


def _block_frames(entry: ModelEntry, wanted: int | None, first_frames: int) -> int:
    """Return the frames of a block that the network can take: enough to begin with, or a whole recording."""
    if entry.longest_samples is not None:
        return entry.longest_samples // entry.hop_samples + 1
    return max(wanted or entry.packet_frames(), first_frames)


def _check_shape(block: Block, channels: int) -> None:
    if block.ndim != 2 or len(block) != channels:
        raise UsageError(f"audio of shape {block.shape}, not [{channels} channels, samples]")
    if block.dtype != np.float32:
        raise UsageError(f"audio of type {block.dtype}, not float32")


def _check_length(samples: int, entry: ModelEntry) -> None:
    if entry.longest_samples is not None and samples > entry.longest_samples:
        longest_s = entry.longest_samples / entry.sample_rate_hz
        raise UsageError(f"{entry.name} takes whole recordings of {longest_s:g} s at most: cut it into parts")

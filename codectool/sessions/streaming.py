"""One stream being encoded or decoded: the only owners of changing state.

The same audio gives the same codes in whatever pieces it is pushed: the network runs over blocks of one fixed
number of frames, counted from the stream's start, and what is left at its end is filled up to whole steps, or
given to the layers' own finish where they do not end as if silence followed (`Layer.first_push`). `nn.blocks`
says how several blocks are computed together or side by side to the same result.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from codectool.audio.hops import HopFramer
from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.container.header import PACKET_FRAMES
from codectool.engines.blocks import Grid
from codectool.errors import UsageError
from codectool.models.loading import LoadedModel
from codectool.models.registry import ModelEntry
from codectool.nn.layer import Layer, State

BLOCK_FRAMES = PACKET_FRAMES  # so that none waits for a block to be full
LAST_STEP_FRAMES = 5  # the last block is a multiple of: short files cost little more than long ones
THREADS_LIMIT = 8  # more would need more audio at a time than is worth holding
FADE_S = 0.01  # sound fades over this long at the edges of lost audio


def usable_threads() -> int:
    """Return how many threads a session uses if not told: torch's, which OMP_NUM_THREADS or the cores say."""
    return min(torch.get_num_threads(), THREADS_LIMIT)


class EncoderSession:
    """Encodes one stream of audio `[channels, samples]` at the model's rate to codes `[levels, frames]`.

    `latency_samples` is how far the codes lag the audio beyond the block: none, for a causal encoder. Of long
    pushes, `threads` parts (None: as many threads as torch may use) are encoded at the same time.
    """

    def __init__(
        self, model: LoadedModel, levels: int, block_frames: int = BLOCK_FRAMES, threads: int | None = None
    ) -> None:
        if not 1 <= levels <= model.entry.levels:
            raise ValueError(f"levels is {levels}, but {model.entry.name} has 1 to {model.entry.levels}")
        self.model = model
        self.levels = levels
        self.block_frames = block_frames = _block_frames(model.codec.encoder, model.entry, block_frames)
        self.block_samples = block_frames * model.entry.hop_samples
        self.latency_samples = model.codec.encoder.latency * model.entry.hop_samples
        self._grid = Grid.of(
            model.codec.encoder,
            block_frames,
            model.entry.hop_samples,
            model.joins_blocks,
            threads or usable_threads(),
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._framer = HopFramer(self.block_samples)
        self._state: State = self._grid.start
        self._pushed_samples = 0
        self._given_frames = 0

    def push(self, block: Block) -> Codes:
        """Take any number of samples; give the codes, uint16 `[levels, frames]`, of the blocks they fill."""
        self._pushed_samples += block.shape[1]
        _check_length(self._pushed_samples, self.model.entry)
        return self._encode(self._framer.push(block))

    def finish(self, last: Block | None = None) -> Codes:
        """End the stream and give its last codes; in all, `codec.frames_for(samples)` frames.

        Audio given here is encoded together with what is held back, which costs less than pushing it before.
        """
        last = np.zeros((1, 0), np.float32) if last is None else last
        self._pushed_samples += last.shape[1]
        _check_length(self._pushed_samples, self.model.entry)
        whole, rest = self._framer.push(last), self._framer.rest()
        if self.model.codec.encoder.first_push:
            codes = np.concatenate((self._encode(whole), self._encode(rest, ends=True)), axis=1)
            self.reset()
            return codes
        hop_samples = self.model.entry.hop_samples
        missing_frames = self.model.codec.frames_for(self._pushed_samples) - self._given_frames
        # Silence fills the last block; of its frames only those count that the layers' own finish would give.
        rest_frames = _whole_steps(missing_frames - whole.shape[1] // hop_samples, self.block_frames)
        padding = np.zeros((1, rest_frames * hop_samples - rest.shape[1]), np.float32)
        codes = self._encode(np.concatenate((whole, rest, padding), axis=1))[:, :missing_frames]
        self.reset()
        return codes

    def _encode(self, whole: Block, ends: bool = False) -> Codes:
        """Encode in blocks, of which the last of a stream may be shorter; what `ends` it is finished."""
        step = self._last_step if ends else self._step
        blocks, self._state = self._grid.run(step, torch.from_numpy(whole), self._state)
        self._given_frames += whole.shape[1] // self.model.entry.hop_samples
        none = np.zeros((self.levels, 0), np.uint16)
        return np.concatenate([none, *(block.numpy().astype(np.uint16) for block in blocks)], axis=1)

    def _step(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        codec = self.model.codec
        latents, state = codec.encoder.step(audio[:, :, None].to(codec.quantizer.codebooks.device), state)
        return codec.quantizer.encode(latents, self.levels)[0].cpu(), state

    def _last_step(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        codec = self.model.codec
        latents = codec.encoder.finish(audio[:, :, None].to(codec.quantizer.codebooks.device), state)
        return codec.quantizer.encode(latents, self.levels)[0].cpu(), state


class DecoderSession:
    """Decodes one stream of codes `[levels, frames]` to audio `[1, samples]` at the model's rate.

    The audio begins with the first encoded sample; `latency_samples` is how far it lags the codes beyond the
    block. Of long pushes, `threads` parts (None: as many threads as torch may use) are decoded at the same
    time.
    """

    def __init__(
        self, model: LoadedModel, block_frames: int = BLOCK_FRAMES, threads: int | None = None
    ) -> None:
        self.model = model
        self.block_frames = block_frames = _block_frames(model.codec.decoder, model.entry, block_frames)
        self.latency_samples = model.codec.decoder.latency
        self._grid = Grid.of(
            model.codec.decoder, block_frames, 1, model.joins_blocks, threads or usable_threads()
        )
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._waiting: list[Codes] = []  # frames of a block that is not full yet
        self._restart()
        self._skip_samples = self.latency_samples  # these come before the first encoded sample
        self._last_frame: Codes | None = None

    def push(self, codes: Codes) -> Block:
        """Take any number of frames, uint16 `[levels, frames]`; give the audio of the blocks they fill."""
        if codes.shape[1]:
            self._last_frame = codes[:, -1:]
        self._waiting.append(codes)
        joined = np.concatenate(self._waiting, axis=1)
        _check_length((joined.shape[1] - 1) * self.model.entry.hop_samples + 1, self.model.entry)
        whole_frames = joined.shape[1] // self.block_frames * self.block_frames
        self._waiting = [joined[:, whole_frames:]]
        return self._decode(joined[:, :whole_frames])

    def finish(self) -> Block:
        """End the stream and give its last audio: in all, a hop for each frame, less `latency_samples`."""
        waiting = self._waiting
        audio = self._decode(np.concatenate(waiting, axis=1), ends=True) if waiting else self._no_audio()
        self.reset()
        return audio

    def lose(self) -> Block:
        """Say that the next frames are lost; give what was waiting, and one hop in which the sound fades out.

        For n lost frames the caller puts n - 1 hops of silence after it. The stream then starts anew, and
        the overlap of the synthesis fades it in over a hop.
        """
        if self._last_frame is None:  # nothing was heard yet, and the latency takes the place of the hop
            skipped, self._skip_samples = self._skip_samples, 0
            return np.zeros((1, self.model.entry.hop_samples - skipped), np.float32)
        fade_samples = round(FADE_S * self.model.entry.sample_rate_hz)
        audio = self._decode(np.concatenate((*self._waiting, self._last_frame), axis=1), ends=True)
        start = audio.shape[1] - self.model.entry.hop_samples
        audio[:, start : start + fade_samples] *= np.linspace(1, 0, fade_samples, dtype=np.float32)
        audio[:, start + fade_samples :] = 0
        self._restart()
        self._last_frame = None  # nothing is left to fade, should more be lost before any sound
        return audio

    def _restart(self) -> None:
        self._state: State = self._grid.start
        self._waiting = []

    def _decode(self, codes: Codes, ends: bool = False) -> Block:
        """Decode in blocks; what `ends` a stream is filled up with what is then cut off, or is finished."""
        frames = codes.shape[1]
        finishes = ends and self.model.codec.decoder.first_push > 0
        padding_frames = 0 if finishes else _whole_steps(frames, self.block_frames) - frames
        padded = torch.from_numpy(np.pad(codes.astype(np.int64), ((0, 0), (0, padding_frames))))
        step = self._last_step if finishes else self._step
        blocks, self._state = self._grid.run(step, padded[None], self._state)
        joined = np.concatenate([self._no_audio(), *(block.numpy() for block in blocks)], axis=1)
        joined = joined[:, : frames * self.model.entry.hop_samples]
        skipped = min(self._skip_samples, joined.shape[1])
        self._skip_samples -= skipped
        return joined[:, skipped:]

    def _step(self, codes: Tensor, state: State) -> tuple[Tensor, State]:
        codec = self.model.codec
        latents = codec.quantizer.decode(codes.to(codec.quantizer.codebooks.device))
        audio, state = codec.decoder.step(latents, state)
        return audio[:, :, 0].float().cpu(), state

    def _last_step(self, codes: Tensor, state: State) -> tuple[Tensor, State]:
        codec = self.model.codec
        latents = codec.quantizer.decode(codes.to(codec.quantizer.codebooks.device))
        return codec.decoder.finish(latents, state)[:, :, 0].float().cpu(), state

    def _no_audio(self) -> Block:
        return np.zeros((1, 0), np.float32)


def _whole_steps(frames: int, block_frames: int) -> int:
    """Return how many frames the last blocks of a stream have that hold so many."""
    step = block_frames if block_frames % LAST_STEP_FRAMES else LAST_STEP_FRAMES
    return -(-frames // step) * step


def _block_frames(layer: Layer, entry: ModelEntry, block_frames: int) -> int:
    """Return the frames of a block that the layer can take: enough to begin with, or a whole recording."""
    if entry.longest_samples is not None:
        return entry.longest_samples // entry.hop_samples + 1
    first_frames = layer.first_push // (entry.hop_samples if layer.ratio < 1 else 1)
    return max(block_frames, first_frames)


def _check_length(samples: int, entry: ModelEntry) -> None:
    if entry.longest_samples is not None and samples > entry.longest_samples:
        longest_s = entry.longest_samples / entry.sample_rate_hz
        raise UsageError(f"{entry.name} takes whole recordings of {longest_s:g} s at most: cut it into parts")

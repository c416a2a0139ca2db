"""One stream being encoded or decoded: the only owners of changing state.

Float sums depend on the shape of a product and on the number of threads. So the network always runs on one
thread over blocks of one fixed number of frames, counted from the stream's start: the same audio gives the
same codes in whatever pieces it is pushed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from codectool.audio.hops import HopFramer
from codectool.audio.pcm import Block
from codectool.container.bits import Codes
from codectool.models.loading import LoadedModel
from codectool.nn.layer import State

BLOCK_FRAMES = 75  # 1 s: as long as a packet
FADE_S = 0.01  # sound fades over this long at the edges of lost audio


@contextmanager
def _fixed_arithmetic() -> Iterator[None]:
    """Run torch without gradients on one thread, and give the caller's number of threads back."""
    threads = torch.get_num_threads()
    if threads != 1:
        torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)


class EncoderSession:
    """Encodes one stream of audio `[channels, samples]` at the model's rate to codes `[levels, frames]`.

    `latency_samples` is how far the codes lag the audio beyond the block: none, for a causal encoder.
    """

    def __init__(self, model: LoadedModel, levels: int, block_frames: int = BLOCK_FRAMES) -> None:
        if not 1 <= levels <= model.entry.levels:
            raise ValueError(f"levels is {levels}, but {model.entry.name} has 1 to {model.entry.levels}")
        self.model = model
        self.levels = levels
        self.block_frames = block_frames
        self.block_samples = block_frames * model.entry.hop_samples
        self.latency_samples = model.codec.encoder.latency * model.entry.hop_samples
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._framer = HopFramer(self.block_samples)
        self._state: State = self.model.codec.encoder.initial_state(1)
        self._pushed_samples = 0
        self._given_frames = 0

    def push(self, block: Block) -> Codes:
        """Take any number of samples; give the codes, uint16 `[levels, frames]`, of the blocks they fill."""
        self._pushed_samples += block.shape[1]
        return self._encode(self._framer.push(block))

    def finish(self) -> Codes:
        """End the stream and give its last codes; in all, `codec.frames_for(samples)` frames."""
        missing_frames = self.model.codec.frames_for(self._pushed_samples) - self._given_frames
        rest = self._framer.rest()
        # Silence fills the last block; of its frames only those count that the layers' own finish would give.
        padded = np.zeros((1, -(-missing_frames // self.block_frames) * self.block_samples), np.float32)
        padded[:, : rest.shape[1]] = rest
        codes = self._encode(padded)[:, :missing_frames]
        self.reset()
        return codes

    def _encode(self, whole: Block) -> Codes:
        pieces: list[NDArray[np.uint16]] = [np.zeros((self.levels, 0), np.uint16)]
        codec = self.model.codec
        with _fixed_arithmetic():
            for start in range(0, whole.shape[1], self.block_samples):
                block = torch.from_numpy(whole[:, start : start + self.block_samples, None])
                latents, self._state = codec.encoder.step(
                    block.to(codec.quantizer.codebooks.device), self._state
                )
                pieces.append(codec.quantizer.encode(latents, self.levels)[0].cpu().numpy().astype(np.uint16))
                self._given_frames += self.block_frames
        return np.concatenate(pieces, axis=1)


class DecoderSession:
    """Decodes one stream of codes `[levels, frames]` to audio `[1, samples]` at the model's rate.

    The audio begins with the first encoded sample; `latency_samples` is how far it lags the codes beyond the
    block.
    """

    def __init__(self, model: LoadedModel, block_frames: int = BLOCK_FRAMES) -> None:
        self.model = model
        self.block_frames = block_frames
        self.latency_samples = model.codec.decoder.latency
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
        whole_frames = joined.shape[1] // self.block_frames * self.block_frames
        self._waiting = [joined[:, whole_frames:]]
        return self._decode(joined[:, :whole_frames])

    def finish(self) -> Block:
        """End the stream and give its last audio: in all, a hop for each frame, less `latency_samples`."""
        audio = self._decode(np.concatenate(self._waiting, axis=1)) if self._waiting else self._no_audio()
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
        audio = self._decode(np.concatenate((*self._waiting, self._last_frame), axis=1))
        start = audio.shape[1] - self.model.entry.hop_samples
        audio[:, start : start + fade_samples] *= np.linspace(1, 0, fade_samples, dtype=np.float32)
        audio[:, start + fade_samples :] = 0
        self._restart()
        self._last_frame = None  # nothing is left to fade, should more be lost before any sound
        return audio

    def _restart(self) -> None:
        self._state: State = self.model.codec.decoder.initial_state(1)
        self._waiting = []

    def _decode(self, codes: Codes) -> Block:
        """Decode in blocks, the last filled up with what is then cut off: it ends the stream."""
        frames, size = codes.shape[1], self.block_frames
        padded = np.pad(codes.astype(np.int64), ((0, 0), (0, -frames % size)))
        pieces: list[Block] = [self._no_audio()]
        codec = self.model.codec
        with _fixed_arithmetic():
            for start in range(0, frames, size):
                block = torch.from_numpy(padded[None, :, start : start + size])
                latents = codec.quantizer.decode(block.to(codec.quantizer.codebooks.device))
                audio, self._state = codec.decoder.step(latents, self._state)
                pieces.append(audio[:, :, 0].cpu().numpy())
        joined = np.concatenate(pieces, axis=1)[:, : frames * self.model.entry.hop_samples]
        skipped = min(self._skip_samples, joined.shape[1])
        self._skip_samples -= skipped
        return joined[:, skipped:]

    def _no_audio(self) -> Block:
        return np.zeros((1, 0), np.float32)

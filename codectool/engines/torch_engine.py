"""PyTorch as an engine: a codec of any family on any device, behind the arrays that sessions deal in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codectool.engines.network import AudioBatch, CodesBatch, State
from codectool.nn.layer import Layer


class Quantizer(Protocol):
    """Latents `[batch, frames, dim]` to codes `[batch, levels, frames]` and back."""

    def encode(self, latents: Tensor, levels: int | None = None) -> Tensor:
        """Return the codes of the first `levels` levels, int64."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Return the latents of codes of any leading number of levels."""
        ...


class Codec(Protocol):
    """What a family builds: `encoder` takes audio `[batch, samples, channels]`, `decoder` gives it."""

    encoder: Layer
    decoder: Layer

    @property
    def quantizer(self) -> Quantizer:
        """What stands between them."""
        ...

    def frames_for(self, samples: int) -> int:
        """Return how many frames so many samples make."""
        ...


@runtime_checkable
class StagedCodec(Protocol):
    """A codec of which few levels need less.

    Attributes:
        stages: the numbers of levels up to which one part of it serves, rising; the last is all of them.
    """

    stages: tuple[int, ...]

    def at(self, levels: int) -> Codec:
        """Return the part that codes so many levels."""
        ...


def stages_of(codec: Codec) -> list[tuple[int | None, Codec]]:
    """Return the parts of a codec, from few levels to all, each with the most levels it codes (None: all)."""
    if not isinstance(codec, StagedCodec):
        return [(None, codec)]
    return [(levels, codec.at(levels)) for levels in codec.stages]


class _Half:
    """What both halves know of a codec: its stages, and the device that it is on."""

    def __init__(self, codec: Codec, device: torch.device, channels: int, hop_samples: int) -> None:
        self.codec = codec
        self.device = device
        self.channels = channels
        self.hop_samples = hop_samples
        self._stages = stages_of(codec)

    @property
    def whole(self) -> Codec:
        """What is needed of the codec for all of its levels."""
        return self._stages[-1][1]

    def part_for(self, levels: int) -> Codec:
        """Return what is needed of the codec for so many levels."""
        return next(part for most, part in self._stages if levels <= (most or levels))

    def prepare(self, levels: int) -> None:
        """Do nothing: all is loaded."""

    def initial_state(self, batch: int) -> State:
        return None  # the layers' own, once it is known how many levels there are


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Have torch use so many threads, and give the caller's number of threads back."""
    before = torch.get_num_threads()
    if before != count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if before != count:
            torch.set_num_threads(before)


@contextmanager
def inference() -> Iterator[None]:
    """Compute without gradients, on one thread."""
    with on_threads(1), torch.inference_mode():
        yield


class TorchEncoder(_Half):
    """The encoding half of a codec; see `EncoderNetwork`."""

    def __init__(self, codec: Codec, device: torch.device, channels: int, hop_samples: int) -> None:
        super().__init__(codec, device, channels, hop_samples)
        layer = self.whole.encoder
        self.look_ahead_samples = layer.look_ahead
        self.receptive_field_samples = layer.receptive_field
        self.first_push_samples = layer.first_push

    def frames_for(self, samples: int) -> int:
        return self.codec.frames_for(samples)

    def step(self, audio: AudioBatch, state: State, levels: int) -> tuple[CodesBatch, State]:
        part = self.part_for(levels)
        with inference():
            latents, state = part.encoder.step(self._tensor(audio), _begun(part.encoder, state, len(audio)))
            return _codes(part, latents, levels), state

    def finish(self, audio: AudioBatch, state: State, levels: int) -> CodesBatch:
        part = self.part_for(levels)
        with inference():
            state = _begun(part.encoder, state, len(audio))
            return _codes(part, part.encoder.finish(self._tensor(audio), state), levels)

    def _tensor(self, audio: AudioBatch) -> Tensor:
        return torch.from_numpy(audio).to(self.device).transpose(1, 2)


class TorchDecoder(_Half):
    """The decoding half of a codec; see `DecoderNetwork`."""

    def __init__(self, codec: Codec, device: torch.device, channels: int, hop_samples: int) -> None:
        super().__init__(codec, device, channels, hop_samples)
        layer = self.whole.decoder
        self.latency_samples = layer.latency
        self.look_ahead_frames = layer.look_ahead
        self.receptive_field_frames = layer.receptive_field
        self.first_push_frames = layer.first_push

    def step(self, codes: CodesBatch, state: State) -> tuple[AudioBatch, State]:
        part = self.part_for(codes.shape[1])
        with inference():
            state = _begun(part.decoder, state, len(codes))
            audio, state = part.decoder.step(self._latents(part, codes), state)
            return _array(audio), state

    def finish(self, codes: CodesBatch, state: State) -> AudioBatch:
        part = self.part_for(codes.shape[1])
        with inference():
            state = _begun(part.decoder, state, len(codes))
            return _array(part.decoder.finish(self._latents(part, codes), state))

    def _latents(self, part: Codec, codes: CodesBatch) -> Tensor:
        return part.quantizer.decode(torch.from_numpy(codes.astype(np.int64)).to(self.device))


class TorchSegments:
    """A codec that has `encode_segment` and `decode_segment`; see `SegmentNetwork`."""

    def __init__(self, codec: Any, device: torch.device) -> None:
        self.codec = codec
        self.device = device

    def encode_segment(self, audio: npt.NDArray[np.float32], levels: int) -> tuple[CodesBatch, float]:
        with inference():
            samples = torch.from_numpy(np.ascontiguousarray(audio.T))[None].to(self.device)
            codes, scale = self.codec.encode_segment(samples, levels)
            return codes[0].cpu().numpy().astype(np.uint16), float(scale)

    def decode_segment(self, codes: CodesBatch, scale: float) -> npt.NDArray[np.float32]:
        with inference():
            tensor = torch.from_numpy(codes.astype(np.int64))[None].to(self.device)
            audio = self.codec.decode_segment(tensor, torch.tensor([scale], device=self.device))
            ready: npt.NDArray[np.float32] = _array(audio)[0]
            return ready


def _array(audio: Tensor) -> AudioBatch:
    array: AudioBatch = audio.transpose(1, 2).float().cpu().numpy()
    return array


def _begun(layer: Layer, state: State, batch: int) -> State:
    return layer.initial_state(batch) if state is None else state


def _codes(part: Codec, latents: Tensor, levels: int) -> CodesBatch:
    if latents.shape[1] == 0:
        return np.zeros((len(latents), levels, 0), np.uint16)
    return part.quantizer.encode(latents, levels).cpu().numpy().astype(np.uint16)

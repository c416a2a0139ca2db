"""LiteRT, once TensorFlow Lite, as an engine on the CPU for graphs that keep their state inside; no torch.

Nobody can read or set that state, yet what came long enough before has no part in it. So here the state is a
value after all: the last inputs. A stream goes on in the interpreter that stands where the state says, if
there is one, and else in a new one that is given those inputs again, with the same result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from codectool.engines.network import AudioBatch, CodesBatch, State

Frames = npt.NDArray[np.float32]
NOT_SENT = -1  # stands for the codes of levels that are left out
ERRORS = 2  # the file that standard error is
_SILENCE = Lock()
_has_spoken: list[bool] = []


class StatefulGraph:
    """A graph that takes one frame and gives one, of which `reach` frames before have a part."""

    def __init__(self, content: bytes, reach: int) -> None:
        self.reach = reach
        self._content = content
        self._lock = Lock()
        self._standing: tuple[Frames, Any] | None = None  # the inputs so far, and who was given them

    def run(self, frames: Frames, past: Frames) -> tuple[list[Frames], Frames]:
        """Take frames; return what comes of them, and the state that follows, the last inputs."""
        if not len(frames):
            return [], past
        interpreter = self._at(past)
        outputs = [self._give(interpreter, frame) for frame in frames]
        past = np.concatenate((past, frames))[-self.reach :]
        with self._lock:
            self._standing = past, interpreter
        return outputs, past

    def _at(self, past: Frames) -> Any:
        """Return an interpreter that has been given these inputs last."""
        with self._lock:
            standing, self._standing = self._standing, None
        if standing is not None and standing[0] is past:
            return standing[1]
        interpreter = interpreter_of(self._content)
        for frame in past:
            self._give(interpreter, frame)
        return interpreter

    def _give(self, interpreter: Any, frame: Frames) -> Frames:
        (entrance,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(entrance["index"], frame.reshape(entrance["shape"]))
        interpreter.invoke()
        output: Frames = interpreter.get_tensor(exit_["index"])
        return output


class QuantizerGraph:
    """Latents to codes and back, one frame at a time; it keeps no state."""

    def __init__(self, content: bytes, levels: int) -> None:
        self._interpreter = interpreter_of(content)
        self._encode = self._interpreter.get_signature_runner("encode")
        self._decode = self._interpreter.get_signature_runner("decode")
        self._levels = levels
        self._lock = Lock()

    def encode(self, latents: Frames, levels: int) -> npt.NDArray[np.int32]:
        """Return the codes `[levels]` of one frame."""
        with self._lock:
            found = self._encode(input_frames=latents, num_quantizers=np.array(levels, np.int32))
        codes: npt.NDArray[np.int32] = found["output_0"].ravel()[:levels]
        return codes

    def decode(self, codes: npt.NDArray[Any]) -> Frames:
        """Return the latents of one frame's codes `[levels]`, of any leading number of levels."""
        indices = np.full((self._levels, 1, 1), NOT_SENT, np.int32)
        indices[: len(codes), 0, 0] = codes
        with self._lock:
            latents: Frames = self._decode(encoding_indices=indices)["output_0"]
        return latents


class LitertEncoder:
    """The encoding half of a codec of graphs; see `EncoderNetwork`."""

    channels = 1
    look_ahead_samples = 0
    first_push_samples = 0
    receptive_field_samples: int | None

    def __init__(self, graph: StatefulGraph, quantizer: QuantizerGraph, hop_samples: int) -> None:
        self._graph = graph
        self._quantizer = quantizer
        self.hop_samples = hop_samples
        self.receptive_field_samples = (graph.reach + 1) * hop_samples

    def frames_for(self, samples: int) -> int:
        return -(-samples // self.hop_samples)

    def prepare(self, levels: int) -> None:
        """Do nothing: the graph is read, and an interpreter belongs to one stream."""

    def initial_state(self, batch: int) -> State:
        return tuple(np.zeros((0, self.hop_samples), np.float32) for _ in range(batch))

    def step(self, audio: AudioBatch, state: State, levels: int) -> tuple[CodesBatch, State]:
        codes, states = [], []
        for samples, past in zip(audio[:, 0], state, strict=True):
            latents, past = self._graph.run(samples.reshape(-1, self.hop_samples), past)
            rows = [self._quantizer.encode(frame, levels) for frame in latents]
            codes.append(np.array(rows, np.uint16).reshape(len(rows), levels).T)
            states.append(past)
        return np.stack(codes), tuple(states)

    def finish(self, audio: AudioBatch, state: State, levels: int) -> CodesBatch:
        missing = -audio.shape[2] % self.hop_samples
        return self.step(np.pad(audio, ((0, 0), (0, 0), (0, missing))), state, levels)[0]


class LitertDecoder:
    """The decoding half of a codec of graphs; see `DecoderNetwork`."""

    channels = 1
    look_ahead_frames = 0
    first_push_frames = 0
    receptive_field_frames: int | None

    def __init__(
        self, graph: StatefulGraph, quantizer: QuantizerGraph, hop_samples: int, latency_samples: int
    ) -> None:
        self._graph = graph
        self._quantizer = quantizer
        self.hop_samples = hop_samples
        self.latency_samples = latency_samples
        self.receptive_field_frames = graph.reach + 1

    def prepare(self, levels: int) -> None:
        """Do nothing: the graph is read, and an interpreter belongs to one stream."""

    def initial_state(self, batch: int) -> State:
        return tuple(np.zeros((0, 0), np.float32) for _ in range(batch))

    def step(self, codes: CodesBatch, state: State) -> tuple[AudioBatch, State]:
        audio, states = [], []
        for frames, past in zip(codes, state, strict=True):
            latents = np.array([self._quantizer.decode(frame).ravel() for frame in frames.T], np.float32)
            blocks, past = self._graph.run(latents, past if len(past) else latents[:0])
            audio.append(np.array(blocks, np.float32).reshape(1, len(blocks) * self.hop_samples))
            states.append(past)
        return np.stack(audio), tuple(states)

    def finish(self, codes: CodesBatch, state: State) -> AudioBatch:
        return self.step(codes, state)[0]


def interpreter_of(content: bytes) -> Any:
    """Return an interpreter of a graph, ready to run on one thread; ValueError for what is no graph."""
    from ai_edge_litert.interpreter import Interpreter  # takes a second, and few need it

    with _silent_once():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _silent_once() -> Iterator[None]:
    """Keep a line from standard error that LiteRT writes there once a process, and no setting turns off."""
    with _SILENCE:
        if _has_spoken:
            yield
            return
        kept = os.dup(ERRORS)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, ERRORS)
            yield
        finally:
            os.dup2(kept, ERRORS)
            os.close(nowhere)
            os.close(kept)
            _has_spoken.append(True)

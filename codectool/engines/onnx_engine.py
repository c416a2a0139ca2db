"""ONNX Runtime as an engine on the CPU, for models whose graphs lie beside their weights; no torch.

It starts in a tenth of the time that torch takes. `torch_to_onnx` makes the graphs, and describes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from codectool.engines.network import AudioBatch, CodesBatch, State
from codectool.engines.threads import usable_threads
from codectool.errors import WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue

Weights = Mapping[str, npt.NDArray[Any]]
HALVES = ("encoder", "decoder")


@dataclass(frozen=True)
class Graph:
    """One half of a model as it is described beside its graph.

    Attributes:
        path: the ONNX file.
        facts: what a stream has to know, by the names of `EncoderNetwork` and `DecoderNetwork`.
        weights: the shapes of the tensors that the graph names.
        axes: of those that it takes turned about, which of their axes it has, in order; others have one step.
        biases: names of what it adds to products with the rows of a tensor, minus half their squared norms,
            and the names of those tensors.
    """

    path: Path
    facts: Mapping[str, Any]
    weights: Mapping[str, list[int]]
    axes: Mapping[str, list[int]]
    biases: Mapping[str, str]

    def arrays(self, tensors: Weights) -> dict[str, npt.NDArray[np.float32]]:
        """Return what the graph names, float32 as it takes it, of the tensors of a weights file."""
        arrays = {name: _turned(tensors[name], self.axes.get(name)) for name in self.weights}
        for name, tensor in self.biases.items():
            arrays[name] = np.einsum("...d,...d->...", arrays[tensor], arrays[tensor]) * np.float32(-0.5)
        return arrays


@dataclass(frozen=True)
class Stage:
    """Both halves of a model as they are for some numbers of levels.

    Attributes:
        levels: the most that they code; None if they code all.
    """

    levels: int | None
    encoder: Graph
    decoder: Graph


@dataclass(frozen=True)
class Graphs:
    """The stages of a model, from few levels to all, and the config of the family that they were made of."""

    config: Mapping[str, Any]
    stages: Sequence[Stage]

    @property
    def weights(self) -> dict[str, list[int]]:
        """The shapes of all tensors that are named."""
        halves = [half for stage in self.stages for half in (stage.encoder, stage.decoder)]
        return {name: shape for half in halves for name, shape in half.weights.items()}


def read_graphs(description: Path) -> Graphs:
    """Return what a file `NAME.graphs.json` describes; WeightsError if it cannot be read."""
    try:
        content = json.loads(description.read_text())
        stages = [
            Stage(stage["levels"], *(_graph(description.parent, stage[half]) for half in HALVES))
            for stage in content["stages"]
        ]
        if not stages:
            raise ValueError("it names no graphs")
        return Graphs(content["config"], stages)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{description}: cannot be read ({error})") from error


def _graph(folder: Path, told: Mapping[str, Any]) -> Graph:
    return Graph(folder / told["file"], *(told[part] for part in ("facts", "weights", "axes", "biases")))


def _turned(tensor: npt.NDArray[Any], axes: list[int] | None) -> npt.NDArray[np.float32]:
    if axes is None:
        return tensor.astype(np.float32, copy=False)
    others = [axis for axis in range(tensor.ndim) if axis not in axes]
    shape = [tensor.shape[axis] for axis in axes]
    turned: npt.NDArray[np.float32] = tensor.transpose(axes + others).astype(np.float32, order="C")
    return turned.reshape(shape)


class _Loaded:
    """A graph that is loaded when it is prepared or first run, so that an encode never loads a decoder."""

    def __init__(self, graph: Graph, weights: Callable[[Graph], Weights]) -> None:
        self._graph = graph
        self._weights = weights
        self._session: InferenceSession | None = None
        self._values: dict[str, OrtValue] = {}  # weights, which the session uses where they are
        self._lock = Lock()  # runs side by side begin at the same time

    def run(self, inputs: dict[str, Any], state: State, batch: int) -> tuple[Any, State]:
        """Return the output of one block, and the next state; None is that at the start."""
        session = self._ready()
        if state is None:
            shapes = self._graph.facts["state_shapes"]
            state = tuple(np.zeros((batch, *shape), np.float32) for shape in shapes)
        inputs |= {f"state_{number}": array for number, array in enumerate(state)}
        output, *states = session.run(None, inputs)
        return output, tuple(states)

    def prepare(self) -> None:
        """Load it on a thread of its own, for which a run then waits, and where there is a core for that."""
        if self._session is None and usable_threads() > 1:
            Thread(target=self._try_to_load, name="load").start()

    def _try_to_load(self) -> None:
        with suppress(Exception):  # running it fails again, where someone hears it
            self._ready()

    def _ready(self) -> InferenceSession:
        with self._lock:
            if self._session is None:
                self._values = _values(self._weights(self._graph))
                self._session = _load(self._graph, self._values)
            return self._session


class _Network:
    """The stages of one half of a model."""

    def __init__(
        self, stages: Sequence[tuple[int | None, Graph]], weights: Callable[[Graph], Weights]
    ) -> None:
        self._stages = [(levels, _Loaded(graph, weights)) for levels, graph in stages]

    def run(self, inputs: dict[str, Any], state: State, batch: int, levels: int) -> tuple[Any, State]:
        """Return the output of one block of so many levels, and the next state."""
        loaded = self._graph_for(levels)
        assert loaded is not None, "sessions check the number of levels"
        return loaded.run(inputs, state, batch)

    def prepare(self, levels: int) -> None:
        """Begin to load what so many levels need, if there are so many."""
        loaded = self._graph_for(levels)
        if loaded is not None:
            loaded.prepare()

    def _graph_for(self, levels: int) -> _Loaded | None:
        return next((graph for most, graph in self._stages if levels <= (most or levels)), None)

    def initial_state(self, batch: int) -> State:
        return None  # the graph's own, once it is known how many levels there are


def _values(arrays: Weights) -> dict[str, OrtValue]:
    from onnxruntime import OrtValue

    return {name: OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()}


def _load(graph: Graph, weights: Mapping[str, OrtValue]) -> InferenceSession:
    """Return a session of a graph with these weights, which have to stay while it is in use."""
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NoSuchFile

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    # Graphs are made as they run fastest: looking for improvements would take longer than all else here.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for name, value in weights.items():
        options.add_initializer(name, value)
    try:
        return onnxruntime.InferenceSession(str(graph.path), options, providers=["CPUExecutionProvider"])
    except (OSError, Fail, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
        raise WeightsError(f"{graph.path}: cannot be loaded with these weights ({error})") from error


class OnnxEncoder(_Network):
    """The encoding half of a model; see `EncoderNetwork`."""

    def __init__(self, graphs: Graphs, weights: Callable[[Graph], Weights]) -> None:
        super().__init__([(stage.levels, stage.encoder) for stage in graphs.stages], weights)
        facts = graphs.stages[-1].encoder.facts
        self.channels: int = facts["channels"]
        self.hop_samples: int = facts["hop_samples"]
        self.look_ahead_samples = 0
        self.receptive_field_samples: int | None = facts["receptive_field_samples"]
        self.first_push_samples = 0
        self._finish_frames: int = facts["finish_frames"]

    def frames_for(self, samples: int) -> int:
        return -(-samples // self.hop_samples) + self._finish_frames if samples else 0

    def step(self, audio: AudioBatch, state: State, levels: int) -> tuple[CodesBatch, State]:
        if audio.shape[2] == 0:
            return np.zeros((len(audio), levels, 0), np.uint16), state
        inputs = {"audio": np.ascontiguousarray(audio), "levels": np.array(levels)}
        codes, state = self.run(inputs, state, len(audio), levels)
        return codes.astype(np.uint16), state

    def finish(self, audio: AudioBatch, state: State, levels: int) -> CodesBatch:
        samples = audio.shape[2]
        frames = -(-samples // self.hop_samples) + self._finish_frames
        padding = ((0, 0), (0, 0), (0, frames * self.hop_samples - samples))
        return self.step(np.pad(audio, padding), state, levels)[0]


class OnnxDecoder(_Network):
    """The decoding half of a model; see `DecoderNetwork`."""

    def __init__(self, graphs: Graphs, weights: Callable[[Graph], Weights]) -> None:
        super().__init__([(stage.levels, stage.decoder) for stage in graphs.stages], weights)
        facts = graphs.stages[-1].decoder.facts
        self.channels: int = facts["channels"]
        self.hop_samples: int = facts["hop_samples"]
        self.latency_samples: int = facts["latency_samples"]
        self.look_ahead_frames = 0
        self.receptive_field_frames: int | None = facts["receptive_field_frames"]
        self.first_push_frames = 0

    def step(self, codes: CodesBatch, state: State) -> tuple[AudioBatch, State]:
        if codes.shape[2] == 0:
            return np.zeros((len(codes), self.channels, 0), np.float32), state
        return self.run({"codes": codes.astype(np.int64)}, state, len(codes), codes.shape[1])

    def finish(self, codes: CodesBatch, state: State) -> AudioBatch:
        return self.step(codes, state)[0]

"""ONNX graphs of a model's encoder and decoder, traced from its torch modules; needs the extra `onnx`.

A graph takes a block of one stream or several, and carries their state as inputs and outputs, zeros at the
start. It holds what is computed and only names the weights; `onnx_files.with_weights` puts them in.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import torch
import torch.nn.functional as F
from onnx import GraphProto, ModelProto, TensorProto
from onnxscript import ir
from torch import Tensor, nn

from codectool.engines.onnx_forms import lay_out, simplify
from codectool.engines.onnx_search import BIASES, CODEBOOKS, IR_VERSION, OPSET, search_graph, searched_parts
from codectool.engines.torch_engine import Codec, stages_of
from codectool.nn.layer import Layer, State

TRACED_STEPS, TRACED_STREAMS = 5, 2  # what is one while tracing would always be one

Named: TypeAlias = Mapping[str, Tensor]  # the tensors of a weights file


class _Encoder(nn.Module):
    """Audio `[batch, channels, samples]` and the states to latents `[batch, frames, dim]` and the next."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.encoder = codec.encoder

    def forward(self, audio: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        latents, state = self.encoder.step(audio.transpose(1, 2), _nested(self.encoder, states))
        return latents, list(_flat(state))


class _Decoder(nn.Module):
    """Codes `[batch, levels, frames]` and the states to audio `[batch, channels, samples]` and the next."""

    quantizer: nn.Module

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.quantizer = codec.quantizer  # type: ignore[assignment]
        self.decoder = codec.decoder

    def forward(self, codes: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        latents, parts = [], searched_parts(self.quantizer)
        for part in parts:
            of_part = codes if part is parts[-1] else codes[:, : part.levels]
            first_entry = torch.arange(of_part.shape[1]) * part.codebooks.shape[1]
            entries = F.embedding(of_part + first_entry[:, None], part.codebooks.flatten(0, 1))
            latents.append(entries.sum(dim=1))
            codes = codes[:, part.levels :]
        audio, state = self.decoder.step(torch.cat(latents, dim=-1), _nested(self.decoder, states))
        return audio.transpose(1, 2), list(_flat(state))


@dataclass(frozen=True)
class TracedGraph:
    """A graph, and what is said beside it of a stream and of the weights that it names; see `Graph`."""

    model: ModelProto
    facts: dict[str, Any]
    weights: dict[str, list[int]]
    axes: dict[str, list[int]]
    biases: dict[str, str]


def write_graphs(codec: Codec, config: Mapping[str, Any], channels: int, description: Path) -> None:
    """Write a codec's graphs, and beside them a file that describes them, `NAME.graphs.json`.

    There is a pair for each stage of the codec. `config` is what the weights that they are for say in their
    metadata.

    Raises ValueError for a codec that looks ahead, or has a part without a translation.
    """
    tensors: Named = codec.state_dict(keep_vars=True)  # type: ignore[attr-defined]
    content: dict[str, Any] = {"config": dict(config), "stages": []}
    for levels, part in stages_of(codec):
        halves = {
            "encoder": trace_encoder(part, tensors, channels),
            "decoder": trace_decoder(part, tensors, channels),
        }
        told: dict[str, Any] = {"levels": levels}
        for name, half in halves.items():
            suffix = f"_{levels}" if content["stages"] else ""
            path = description.with_name(f"{description.name.partition('.')[0]}.{name}{suffix}.onnx")
            onnx.save(_naming(half.model, path.name), path)
            told[name] = {"file": path.name}
            told[name] |= {item: getattr(half, item) for item in ("facts", "weights", "axes", "biases")}
        content["stages"].append(told)
    description.write_text(json.dumps(content, indent=1) + "\n")


def trace_encoder(codec: Codec, tensors: Named, channels: int) -> TracedGraph:
    """Return the graph from `audio` and `levels` to `codes`; see `write_graphs`."""
    layer = codec.encoder
    audio = torch.zeros(TRACED_STREAMS, channels, layer.hop * TRACED_STEPS)
    moving = {2: layer.hop * torch.export.Dim("hops")}
    names = {id(tensor): name for name, tensor in tensors.items()}
    latents, axes = _traced(_Encoder(codec), layer, audio, moving, names, ("audio", "latents"))
    parts = searched_parts(codec.quantizer)
    search = onnx.parser.parse_model(search_graph(parts))
    codebooks = [names[id(part.codebooks)] for part in parts]
    biases = {name.removesuffix(CODEBOOKS) + BIASES: name for name in codebooks}
    renamed = {f"{CODEBOOKS}{k}": name for k, name in enumerate(codebooks)}
    _rename(search.graph, renamed | {f"{BIASES}{k}": name for k, name in enumerate(biases)})
    model = onnx.compose.merge_models(latents, search, [("latents", "latents")])
    first = next(k for k, output in enumerate(model.graph.output) if output.name == "codes")
    model.graph.output.insert(0, model.graph.output.pop(first))
    silence = layer.finish(torch.zeros(1, 0, channels), layer.initial_state(1))
    facts = {
        "channels": channels,
        "hop_samples": layer.hop,
        "receptive_field_samples": layer.receptive_field,
        "finish_frames": silence.shape[1],
    }
    return _finished(model, layer, tensors, facts, axes, biases)


def trace_decoder(codec: Codec, tensors: Named, channels: int) -> TracedGraph:
    """Return the graph from `codes` to `audio`; see `write_graphs`."""
    layer = codec.decoder
    fewest = 1 + sum(part.levels for part in searched_parts(codec.quantizer)[:-1])
    codes = torch.zeros(TRACED_STREAMS, fewest + 2, TRACED_STEPS, dtype=torch.int64)
    moving = {1: torch.export.Dim("levels", min=fewest), 2: torch.export.Dim("frames")}
    names = {id(tensor): name for name, tensor in tensors.items()}
    model, axes = _traced(_Decoder(codec), layer, codes, moving, names, ("codes", "audio"))
    facts = {
        "channels": channels,
        "hop_samples": int(layer.ratio),
        "latency_samples": layer.latency,
        "receptive_field_frames": layer.receptive_field,
    }
    return _finished(model, layer, tensors, facts, axes, {})


def _traced(
    module: nn.Module,
    layer: Layer,
    x: Tensor,
    moving: Mapping[int, Any],
    weight_names: Mapping[int, str],
    names: tuple[str, str],
) -> tuple[ModelProto, dict[str, list[int]]]:
    if layer.look_ahead or layer.first_push:
        raise ValueError("a network that looks ahead, or ends otherwise than in silence, has no graph yet")
    states = list(_flat(layer.initial_state(TRACED_STREAMS)))
    if any(state.any() for state in states):
        raise ValueError("a state that is not zero at the start has no translation to ONNX yet")
    batch = torch.export.Dim("batch")
    shapes = ({0: batch, **moving}, [{0: batch} for _ in states])
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch's exporter about itself
        program = torch.onnx.export(
            module.eval(),
            (x, states),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=[names[0], *(f"state_{number}" for number in range(len(states)))],
            output_names=[names[1], *(f"next_state_{number}" for number in range(len(states)))],
            opset_version=OPSET,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    traced = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    weights = {name: weight_names[id(value)] for name, value in traced.items() if id(value) in weight_names}
    return _without_weights(program.model, weights)


def _without_weights(model: ir.Model, weights: Mapping[str, str]) -> tuple[ModelProto, dict[str, list[int]]]:
    """Simplify a graph, with weights only named, as in their file, and nothing of how it came about.

    Returns the axes of those that it takes turned about as well.
    """
    traced = sorted(set(weights) & set(model.graph.initializers))
    named = [model.graph.initializers.pop(name) for name in traced]
    for name, value in zip(traced, named, strict=True):
        value.name = weights[name]
        value.const_value = None
    model.graph.inputs.extend(value for value in named if value.uses())
    simplify(model)
    axes = lay_out(model.graph, set(weights.values()))
    graph = ir.to_proto(model)
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.input, *graph.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.graph.ClearField("value_info")
    graph.ir_version = IR_VERSION
    return graph, axes


def _finished(
    model: ModelProto,
    layer: Layer,
    tensors: Named,
    facts: dict[str, Any],
    axes: dict[str, list[int]],
    biases: dict[str, str],
) -> TracedGraph:
    """Check a graph, and name the weights among its inputs as such."""
    onnx.checker.check_model(model)
    inputs, weights = list(model.graph.input), {}
    model.graph.ClearField("input")
    for value in inputs:
        if value.name in tensors:
            shape = weights[value.name] = list(tensors[value.name].shape)
            dims = [shape[axis] for axis in axes.get(value.name, range(len(shape)))]
        elif value.name in biases:
            dims = list(tensors[biases[value.name]].shape[:-1])
        else:
            model.graph.input.append(value)
            continue
        model.graph.initializer.append(TensorProto(name=value.name, dims=dims, data_type=TensorProto.FLOAT))
        model.graph.initializer[-1].data_location = TensorProto.EXTERNAL
    facts["state_shapes"] = [list(state.shape[1:]) for state in _flat(layer.initial_state(1))]
    return TracedGraph(model, facts, dict(sorted(weights.items())), axes, biases)


def _naming(model: ModelProto, file_name: str) -> ModelProto:
    """Let a graph's weights claim to be in its own file: ONNX Runtime looks whether there is one.

    They are not read from there, for whoever loads the graph gives them.
    """
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.external_data.add(key="location", value=file_name)
    return model


def _rename(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Give values other names, in graphs within the graph too."""
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            _rename(attribute.g, names)
    for value in graph.input:
        value.name = names.get(value.name, value.name)


def _flat(state: State) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    else:
        for part in state:
            yield from _flat(part)


def _nested(layer: Layer, states: Sequence[Tensor]) -> State:
    """Return states in the order of `_flat` as those of the layer."""
    left = iter(states)

    def like(state: State) -> State:
        return next(left) if isinstance(state, Tensor) else tuple(like(part) for part in state)

    return like(layer.initial_state(1))

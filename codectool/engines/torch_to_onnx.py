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
from typing import Any, Protocol

import onnx
import torch
import torch.nn.functional as F
from onnx import GraphProto, ModelProto, TensorProto
from onnxscript import ir
from torch import Tensor, nn

from codectool.engines.onnx_forms import lay_out, simplify
from codectool.nn.layer import Layer, State
from codectool.nn.quantizer import ResidualVectorQuantizer

OPSET, IR_VERSION = 20, 10  # which ONNX Runtime reads since 1.18
TRACED_STEPS, TRACED_STREAMS = 5, 2  # what is one while tracing would always be one
CODEBOOKS, BIASES = "quantizer.codebooks", "quantizer.biases"

# A level codes what those before it left over; only as many as are asked for are computed.
RESIDUAL_CODES = f"""
<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>
residual_codes (float[batch, frames, dim] latents, int64 levels,
  float[all, size, dim] codebooks, float[all, size] biases) => (int64[batch, levels, frames] codes)
{{
  last = Constant<value_ints = [-1]>()
  dim = Shape<start = 2>(latents)
  rows_dim = Concat<axis = 0>(last, dim)
  rows = Reshape(latents, rows_dim)
  rest, codes_by_level = Loop(levels, , rows) <body = one_level (
      int64 level, bool more, float[n, dim] residual) => (bool still_more, float[n, dim] left, int64[n] code)
    {{
      still_more = Identity(more)
      codebook = Gather(codebooks, level)
      bias = Gather(biases, level)
      scores = Gemm<transB = 1>(residual, codebook, bias)
      code = ArgMax<axis = -1, keepdims = 0>(scores)
      entry = Gather(codebook, code)
      left = Sub(residual, entry)
    }}>
  batch_frames = Shape<end = 2>(latents)
  levels_batch_frames = Concat<axis = 0>(last, batch_frames)
  separate = Reshape(codes_by_level, levels_batch_frames)
  codes = Transpose<perm = [1, 0, 2]>(separate)
}}
"""


class Codec(Protocol):
    """What graphs are made of: the network of a model that codes a stream."""

    encoder: Layer
    quantizer: ResidualVectorQuantizer
    decoder: Layer

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights by name."""


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

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.quantizer = codec.quantizer
        self.decoder = codec.decoder

    def forward(self, codes: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        codebooks = self.quantizer.codebooks
        first_entry = torch.arange(codes.shape[1]) * codebooks.shape[1]
        entries = F.embedding(codes + first_entry[:, None], codebooks.flatten(0, 1))
        audio, state = self.decoder.step(entries.sum(dim=1), _nested(self.decoder, states))
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

    `config` is what the weights that they are for say in their metadata.

    Raises ValueError for a codec that looks ahead, or has a part without a translation.
    """
    halves = {"encoder": trace_encoder(codec, channels), "decoder": trace_decoder(codec, channels)}
    content: dict[str, Any] = {"config": dict(config)}
    for name, half in halves.items():
        path = description.with_name(f"{description.name.partition('.')[0]}.{name}.onnx")
        onnx.save(_naming(half.model, path.name), path)
        content[name] = {"file": path.name}
        content[name] |= {part: getattr(half, part) for part in ("facts", "weights", "axes", "biases")}
    description.write_text(json.dumps(content, indent=1) + "\n")


def trace_encoder(codec: Codec, channels: int) -> TracedGraph:
    """Return the graph from `audio` and `levels` to `codes`; see `write_graphs`."""
    layer = codec.encoder
    audio = torch.zeros(TRACED_STREAMS, channels, layer.hop * TRACED_STEPS)
    moving = {2: layer.hop * torch.export.Dim("hops")}
    latents, axes = _traced(_Encoder(codec), layer, audio, moving, ("audio", "latents"))
    search = onnx.parser.parse_model(RESIDUAL_CODES)
    _rename(search.graph, {"codebooks": CODEBOOKS, "biases": BIASES})
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
    return _finished(model, layer, codec.state_dict(), facts, axes, {BIASES: CODEBOOKS})


def trace_decoder(codec: Codec, channels: int) -> TracedGraph:
    """Return the graph from `codes` to `audio`; see `write_graphs`."""
    layer = codec.decoder
    codes = torch.zeros(TRACED_STREAMS, 3, TRACED_STEPS, dtype=torch.int64)
    moving = {1: torch.export.Dim("levels"), 2: torch.export.Dim("frames")}
    model, axes = _traced(_Decoder(codec), layer, codes, moving, ("codes", "audio"))
    facts = {
        "channels": channels,
        "hop_samples": int(layer.ratio),
        "latency_samples": layer.latency,
        "receptive_field_frames": layer.receptive_field,
    }
    return _finished(model, layer, codec.state_dict(), facts, axes, {})


def _traced(
    module: nn.Module, layer: Layer, x: Tensor, moving: Mapping[int, Any], names: tuple[str, str]
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
    weights = {name for name, _ in module.named_parameters()} | set(module.state_dict())
    return _without_weights(program.model, weights)


def _without_weights(model: ir.Model, weights: set[str]) -> tuple[ModelProto, dict[str, list[int]]]:
    """Simplify a graph, with weights named only, and nothing of how it came about; return their axes too."""
    named = [model.graph.initializers.pop(name) for name in sorted(weights & set(model.graph.initializers))]
    for value in named:
        value.const_value = None
    model.graph.inputs.extend(value for value in named if value.uses())
    simplify(model)
    axes = lay_out(model.graph, weights)
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
    tensors: Mapping[str, Tensor],
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

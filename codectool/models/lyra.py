"""SoundStream as released in Lyra v2: three graphs of TensorFlow Lite, in part of 8-bit integers.

Source: Zeghidour et al., SoundStream (arXiv 2107.03312), and github.com/google/lyra, release 1.3.2. Its files
are raw packets and its program adds noise in pauses and concealment of losses, none of which is the codec.

Our own file has the graphs as bytes, and beside them the codebooks that the quantizer has in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from codectool.engines.litert_engine import (
    LitertDecoder,
    LitertEncoder,
    QuantizerGraph,
    StatefulGraph,
    interpreter_of,
)
from codectool.errors import WeightsError
from codectool.models.entry import ModelEntry
from codectool.models.fingerprint import fingerprint_of
from codectool.models.loaded import LoadedModel

# The published files, and what our own file calls their bytes.
GRAPHS = {
    "soundstream_encoder.tflite": "encoder.graph",
    "quantizer.tflite": "quantizer.graph",
    "lyragan.tflite": "decoder.graph",
}
CODEBOOKS = "quantizer.codebooks"
LATENT_DIM = 64
REACH_FRAMES = 32  # of either graph, rounded up: 28 frames were enough for equal bits
LONGEST_GRAPH_BYTES = 64 << 20  # far more than any has
Tensors = dict[str, npt.NDArray[Any]]


def load_graphs(entry: ModelEntry, path: Path) -> LoadedModel:
    """Return the model of the graphs in a file; WeightsError if it holds none, or another model's."""
    tensors = _read(path)
    quantizer = _checked(entry, tensors, path)
    encoder, decoder = (
        StatefulGraph(tensors[name].tobytes(), REACH_FRAMES) for name in ("encoder.graph", "decoder.graph")
    )
    return LoadedModel(
        entry=entry,
        encoder=LitertEncoder(encoder, quantizer, entry.hop_samples),
        decoder=LitertDecoder(decoder, quantizer, entry.hop_samples, latency_samples=0),
        identify=lambda: fingerprint_of([tensors[CODEBOOKS]]),
        weights_path=path,
        engine="litert",
    )


def packed(entry: ModelEntry, graphs: Mapping[str, Path], origin: Mapping[str, str]) -> bytes:
    """Return our own file as bytes, from the published graphs by their names.

    Raises WeightsError, which says the name, if one is missing or not such a graph.
    """
    missing = [name for name in GRAPHS if name not in graphs or not graphs[name].is_file()]
    if missing:
        raise WeightsError(
            f"{', '.join(missing)}: not there, and {entry.name} needs all of {', '.join(GRAPHS)}"
        )
    tensors: Tensors = {}
    for name, own in GRAPHS.items():
        if graphs[name].stat().st_size > LONGEST_GRAPH_BYTES:
            raise WeightsError(f"{graphs[name]}: too long for a graph of {entry.name}")
        tensors[own] = np.frombuffer(graphs[name].read_bytes(), np.uint8)
    quantizer = _checked(entry, tensors, graphs["quantizer.tflite"])
    tensors[CODEBOOKS] = np.array(
        [
            [_entry_of(quantizer, level, code) for code in range(entry.codebook_size)]
            for level in range(entry.levels)
        ]
    )
    return save(tensors, {"model": entry.name, "licence": entry.licence, **origin})


def _entry_of(quantizer: QuantizerGraph, level: int, code: int) -> npt.NDArray[np.float32]:
    """Return what one code alone decodes to."""
    codes = np.full(level + 1, -1, np.int32)
    codes[level] = code
    return quantizer.decode(codes).reshape(LATENT_DIM)


def _read(path: Path) -> Tensors:
    wanted = [*GRAPHS.values(), CODEBOOKS]
    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            if not names.issuperset(wanted):
                raise WeightsError(f"{path}: holds no graphs of Lyra: import the published ones")
            return {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, TypeError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error}): "
            "`codec models import` makes one of the folder of published graphs"
        ) from error


def _checked(entry: ModelEntry, tensors: Tensors, path: Path) -> QuantizerGraph:
    """Return the quantizer; WeightsError unless all three graphs take and give what they should."""
    expected = {
        "encoder.graph": ([1, entry.hop_samples], [1, 1, LATENT_DIM]),
        "decoder.graph": ([1, 1, LATENT_DIM], [1, entry.hop_samples]),
    }
    try:
        for name, shapes in expected.items():
            graph = interpreter_of(tensors[name].tobytes())
            found = (
                graph.get_input_details()[0]["shape"].tolist(),
                graph.get_output_details()[0]["shape"].tolist(),
            )
            if found != shapes:
                raise WeightsError(f"{path}: {name} takes and gives {found}, not {shapes}")
        quantizer = QuantizerGraph(tensors["quantizer.graph"].tobytes(), entry.levels)
        quantizer.decode(np.zeros(entry.levels, np.int32))
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        raise WeightsError(f"{path}: not graphs of {entry.name} ({str(error).splitlines()[0]})") from error
    return quantizer

"""A model on ONNX Runtime: graphs that fit its weights, found beside them or beside the shipped ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from codectool.engines.onnx_engine import (
    Graph,
    Graphs,
    OnnxDecoder,
    OnnxEncoder,
    read_graphs,
)
from codectool.errors import WeightsError
from codectool.models.fingerprint import codebook_names, fingerprint_of
from codectool.models.loaded import LoadedModel
from codectool.models.registry import ModelEntry
from codectool.models.search import graph_descriptions, is_pickled


def load_onnx(entry: ModelEntry, path: Path) -> LoadedModel | None:
    """Return the model with the weights in a file; None if no graphs are here that fit them.

    Each half is loaded when it is prepared or first runs. Running it raises WeightsError for weights that are
    not finite numbers.
    """
    graphs = fitting_graphs(entry, path)
    if graphs is None:
        return None

    def weights(graph: Graph) -> dict[str, npt.NDArray[Any]]:
        return graph_arrays(graph, path)

    return LoadedModel(
        entry=entry,
        encoder=OnnxEncoder(graphs, weights),
        decoder=OnnxDecoder(graphs, weights),
        identify=lambda: fingerprint_of(read_weights(path, codebook_names(graphs.weights)).values()),
        weights_path=path,
        engine="onnxruntime",
    )


def fitting_graphs(entry: ModelEntry, path: Path) -> Graphs | None:
    """Return the first graphs that were made for weights of this shape, None if there are none."""
    if is_pickled(path):
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            config = json.loads((file.metadata() or {}).get("config", "null"))
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError):
        return None  # whoever reads it next says what is wrong with it
    for description in graph_descriptions(entry, path):
        if description.is_file():
            graphs = read_graphs(description)
            if graphs.config == config and shapes == graphs.weights:
                return graphs
    return None


def graph_arrays(graph: Graph, path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return what a graph names of a weights file.

    Raises WeightsError if it cannot be read or is no numbers.
    """
    arrays = graph.arrays(read_weights(path, list(graph.weights)))
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise WeightsError(f"{path}: holds values that are not finite numbers: get the file anew")
    return arrays


def read_weights(path: Path, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """Return these tensors of a file as they are; WeightsError if they cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, TypeError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error

"""Graphs as files for other programs, which hold their weights; needs `onnx`, and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray


def with_weights(graph: Path, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the ONNX file of a graph with the arrays that it names, which are float32."""
    model = onnx.load(graph, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(onnx.numpy_helper.from_array(arrays[tensor.name], tensor.name))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content

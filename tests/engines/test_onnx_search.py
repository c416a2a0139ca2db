"""The search among candidates as a graph against the module's, for codebooks of awkward sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codectool.nn.quantizer import ResidualVectorQuantizer

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(("size", "candidates"), [(16, 1), (16, 4), (12, 5), (7, 4), (4, 4), (1, 1)])
def test_a_graph_gives_the_modules_codes(size: int, candidates: int) -> None:
    from codectool.engines.onnx_search import search_graph

    torch.manual_seed(0)
    quantizer = ResidualVectorQuantizer(8, size, 3, candidates)
    quantizer.set_codebooks(torch.randn(8, size, 3) * 0.6 ** torch.arange(8)[:, None, None])
    latents = torch.randn(2, 9, 3)
    graph = onnx.parser.parse_model(search_graph([quantizer]))
    onnx.checker.check_model(graph)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    inputs = {
        "latents": latents.numpy(),
        "codebooks0": quantizer.codebooks.numpy(),
        "biases0": -quantizer.half_norms.numpy(),
    }
    for levels in (1, 2, 3, 8):
        (codes,) = session.run(None, inputs | {"levels": np.array(levels)})
        np.testing.assert_array_equal(codes, quantizer.encode(latents, levels).numpy())

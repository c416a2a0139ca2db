"""How far the built-in model is from what a processor can do: `python -m benchmarks.ceiling`.

Nearly all that the network computes are products with its weights. So they are run alone, all in a row and
of the same shapes, beside a whole step of the network: whatever is done about the rest, a step takes as long
as they do. 6 kbps on one core, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.machine import write_table
from codectool.engines.onnx_engine import Graph
from codectool.models.loading import load
from codectool.models.onnx_loading import fitting_graphs
from codectool.models.registry import find

WEIGHTS = Path(__file__).parents[1] / "weights" / "base_24khz.safetensors"
TABLE = Path(__file__).with_suffix(".csv")
LEVELS, FRAMES_A_S = 8, 75
ROWS = (1, 75, 600)  # a frame, a block as sessions have it, and eight in one
HEAD = (
    "half",
    "rows",
    "million_products",
    "weights_mib",
    "products_ms",
    "step_ms",
    "gflops",
    "share_of_step",
)
HEAD += ("times_real_time_if_only_products",)


def product_shapes(graph: Graph) -> list[tuple[int, int]]:
    """Return inputs and outputs of every product that a step has for each frame."""
    model = onnx.load(graph.path, load_external_data=False)
    dims = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    turned = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Unsqueeze"}
    shapes = []
    for node in model.graph.node:
        if node.op_type == "MatMul":
            inputs, outputs = dims[node.input[1]]
            shapes.append((inputs, outputs))
        elif node.op_type == "Conv":
            outputs, inputs, kernel = dims[turned[node.input[1]]]
            shapes.append((inputs * kernel, outputs))
        elif node.op_type == "Loop":  # the search
            _, size, dim = dims["quantizer.codebooks"]
            shapes += [(dim, size)] * LEVELS
    return shapes


def products(shapes: list[tuple[int, int]], rows: int) -> Callable[[], object]:
    """Return a run of nothing but products of these shapes, each of as many rows and with its own weights."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    widths = sorted({inputs for inputs, _ in shapes})
    nodes = [
        helper.make_node("MatMul", [f"x{inputs}", f"w{k}"], [f"y{k}"]) for k, (inputs, _) in enumerate(shapes)
    ]
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info(f"x{width}", TensorProto.FLOAT, [None, width]) for width in widths],
        [helper.make_tensor_value_info(f"y{k}", TensorProto.FLOAT, None) for k in range(len(shapes))],
        [numpy_helper.from_array(weight, f"w{k}") for k, weight in enumerate(weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    inputs = {f"x{width}": rng.standard_normal((rows, width), dtype=np.float32) for width in widths}
    return lambda: session.run(None, inputs)


def steps(half: str, rows: int) -> Callable[[], object]:
    """Return a run of a whole step of so many frames."""
    rng = np.random.default_rng(0)
    model = load("base_24khz", WEIGHTS, engine="onnxruntime")
    if half == "encoder":
        audio = rng.normal(0, 0.1, (1, 1, rows * model.entry.hop_samples)).astype(np.float32)
        return lambda: model.encoder.step(audio, None, LEVELS)
    codes = rng.integers(0, model.entry.codebook_size, (1, LEVELS, rows)).astype(np.uint16)
    return lambda: model.decoder.step(codes, None)


def core_ms(runs: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the medians of the processor time that runs take, in turn, after one that is not counted."""
    times_ms: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for run, found in zip(runs, times_ms, strict=True):
            started_s = time.process_time()
            run()
            found.append(1000 * (time.process_time() - started_s))
    return [statistics.median(found[1:]) for found in times_ms]


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--table", type=Path, default=TABLE)
    arguments = parser.parse_args()
    graphs = fitting_graphs(find("base_24khz"), WEIGHTS)
    assert graphs is not None
    table: list[list[object]] = [list(HEAD)]
    for half in ("encoder", "decoder"):
        shapes = product_shapes(getattr(graphs.stages[0], half))
        count = sum(inputs * outputs for inputs, outputs in shapes)
        for rows in ROWS:
            rounds = arguments.rounds * max(1, 75 // rows)
            alone_ms, step_ms = core_ms([products(shapes, rows), steps(half, rows)], rounds)
            figures = [count / 1e6, 4 * count / 2**20, alone_ms, step_ms, 2e-6 * count * rows / alone_ms]
            figures += [alone_ms / step_ms, 1000 * rows / FRAMES_A_S / alone_ms]
            table.append([half, rows, *(round(figure, 2) for figure in figures)])
            print(*table[-1], flush=True)
    write_table(arguments.table, table, f"; {LEVELS} levels, one core, medians of {arguments.rounds} or more")


if __name__ == "__main__":
    main()

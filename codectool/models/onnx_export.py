"""A model's encoder and decoder as ONNX files, complete in themselves, for other programs; extra `onnx`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from codectool.engines.onnx_engine import Graphs, read_graphs
from codectool.engines.onnx_files import with_weights
from codectool.errors import UsageError
from codectool.files.outputs import open_atomic
from codectool.models.entry import ModelEntry
from codectool.models.onnx_loading import fitting_graphs, graph_arrays
from codectool.models.registry import find
from codectool.models.search import DESCRIPTION_SUFFIX, find_weights
from codectool.models.weights import weights_fingerprint


def export_onnx(name: str, weights: Path | None, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write `NAME.encoder.onnx`, `NAME.decoder.onnx` and `NAME.json`, the facts that a program needs.

    Raises UsageError for a model that has no graphs and of which none can be made, FileError for a file that
    exists or cannot be written, and WeightsError for the weights.
    """
    entry = find(name)
    path = find_weights(entry, weights)
    graphs = fitting_graphs(entry, path)
    if graphs is not None:
        return _write(entry, graphs, path, folder, overwrite)
    with TemporaryDirectory() as temporary:
        return _write(entry, _made(entry, path, Path(temporary)), path, folder, overwrite)


def _made(entry: ModelEntry, path: Path, folder: Path) -> Graphs:
    """Trace a model that has no graphs."""
    from codectool.engines.torch_to_onnx import write_graphs
    from codectool.models.torch_loading import build_with_weights, family_of

    codec = build_with_weights(entry, family_of(entry), path)
    description = folder / f"{entry.name}{DESCRIPTION_SUFFIX}"
    try:
        write_graphs(codec, asdict(codec.config), entry.channels, description)
    except ValueError as error:
        raise UsageError(f"{entry.name}: cannot be written as ONNX: {error}") from error
    return read_graphs(description)


def _write(entry: ModelEntry, graphs: Graphs, path: Path, folder: Path, overwrite: bool) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "model": entry.name,
        "fingerprint": weights_fingerprint(path).hex(),
        "licence": entry.licence,
        "sample_rate_hz": entry.sample_rate_hz,
        "levels": entry.levels,
        "codebook_size": entry.codebook_size,
    }
    contents = {}
    for stage in graphs.stages:
        most = stage.levels or entry.levels
        suffix = "" if stage is graphs.stages[0] else f"_{most}"
        for half, graph in (("encoder", stage.encoder), ("decoder", stage.decoder)):
            facts[half + suffix] = {"levels": most, **graph.facts}
            model = with_weights(graph.path, graph_arrays(graph, path))
            contents[f"{entry.name}.{half}{suffix}.onnx"] = model
    contents[f"{entry.name}.json"] = json.dumps(facts, indent=1).encode() + b"\n"
    for file_name, content in contents.items():
        with open_atomic(folder / file_name, overwrite=overwrite) as file:
            file.write(content)
    return [folder / file_name for file_name in contents]

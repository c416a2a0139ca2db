"""A model found by name and made ready to run; torch is imported only if it is the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from codectool.errors import UsageError, WeightsError
from codectool.models.loaded import LoadedModel
from codectool.models.registry import ModelEntry, find
from codectool.models.search import find_weights, has_graphs

ENGINES = ("auto", "litert", "onnxruntime", "torch")
ENGINE_VARIABLE = "CODECTOOL_ENGINE"  # what auto means, where it can run the model
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class RunsModel:
    """The part of a job that says how its model is run; the defaults are those of `load`.

    Attributes:
        weights: a file to take instead of the model's usual one.
        device: `cpu`, or a device that PyTorch knows, such as `cuda`.
        precision: the type of large products: `auto`, `float32` or `bfloat16`.
        engine: what runs the network: `auto`, `onnxruntime`, `torch` or `litert`.
        half: the only half of the model that such a job uses, None if it uses both.
    """

    half: ClassVar[str | None] = None
    weights: Path | None = None
    device: str = "cpu"
    precision: str = "auto"
    engine: str = "auto"

    @property
    def how(self) -> tuple[Path | None, str, str, str, str | None]:
        """The arguments of `load` behind the model's name."""
        return self.weights, self.device, self.precision, self.engine, self.half


def load(
    name: str,
    weights: Path | None = None,
    device: str = "cpu",
    precision: str = "auto",
    engine: str = "auto",
    half: str | None = None,
) -> LoadedModel:
    """Return the model of that name with its weights, ready to run and read-only.

    Args:
        name: its name in the registry.
        weights: a file of weights, under our names of tensors or any that the model's family reads; None to
            look for the usual one.
        device: `cpu`, or a device that PyTorch knows.
        precision: the type of large products on the CPU; `auto` is bfloat16 where PyTorch runs a family that
            bears it and the processor has units for it, else float32.
        engine: `auto` is LiteRT for models published as its graphs, ONNX Runtime for models that have graphs,
            on the CPU and in float32, and PyTorch for all others.
        half: `encoder` or `decoder`, if the other one will not be used: it may then be left out of memory.

    Raises:
        UsageError: the name, precision, engine or device does not exist here, or they do not go together.
        WeightsError: the weights are missing, damaged or another model's, or the engine is not installed.
    """
    entry = find(name)
    for what, given, choices in (("precision", precision, PRECISIONS), ("engine", engine, ENGINES)):
        if given not in choices:
            raise UsageError(f"{what} {given!r}: choose from {', '.join(choices)}")
    if entry.engine == "litert":
        return _load_litert(entry, weights, device, precision, engine)
    if engine == "litert":
        raise UsageError(f"engine litert: does not run {name}")
    if weights is None and not has_graphs(entry):
        _require_torch(name)  # what nothing else could run need not be looked for
    path = find_weights(entry, weights)
    if engine == "auto" and os.environ.get(ENGINE_VARIABLE) == "torch":
        engine = "torch"
    if engine != "torch" and device == "cpu" and precision != "bfloat16":
        from codectool.models.onnx_loading import load_onnx

        model = load_onnx(entry, path)
        if model is not None:
            return model
    if engine == "onnxruntime":
        raise UsageError(
            f"engine onnxruntime: runs {entry.name} only on the CPU, in float32, and with weights that its "
            "graphs were made for; choose engine torch"
        )
    return _load_torch(entry, path, device, precision, half)


def _load_torch(entry: ModelEntry, path: Path, device: str, precision: str, half: str | None) -> LoadedModel:
    reasons = {f"device {device}": device != "cpu", f"precision {precision}": precision == "bfloat16"}
    which = next((reason for reason, applies in reasons.items() if applies), f"{entry.name} with {path}")
    _require_torch(which)
    from codectool.models.torch_loading import load_torch

    return load_torch(entry, path, device, precision, half)


def _load_litert(
    entry: ModelEntry, weights: Path | None, device: str, precision: str, engine: str
) -> LoadedModel:
    if engine not in ("auto", "litert"):
        raise UsageError(f"engine {engine}: does not run {entry.name}, whose graphs are for litert")
    if device != "cpu" or precision == "bfloat16":
        raise UsageError(f"{entry.name} runs only on the CPU, as its graphs are")
    if find_spec("ai_edge_litert") is None:
        raise WeightsError(f"{entry.name} needs LiteRT: pip install 'codectool[lyra]'")
    from codectool.models.graph_families import load_graphs

    return load_graphs(entry, find_weights(entry, weights))


def _require_torch(what: str) -> None:
    if find_spec("torch") is None:
        raise WeightsError(f"{what} needs PyTorch: pip install 'codectool[torch]'")

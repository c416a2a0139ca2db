"""Families that are published as graphs, for LiteRT, rather than as tensors; no torch.

Such a family is one file, too. Its function `load_graphs` makes a model ready to run, and its function
`packed` puts the published files into one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from codectool.models.entry import ModelEntry
from codectool.models.loaded import LoadedModel


def load_graphs(entry: ModelEntry, path: Path) -> LoadedModel:
    """Return the model of the graphs in our file; WeightsError if it holds none, or another model's."""
    model: LoadedModel = import_module(f"codectool.models.{entry.family}").load_graphs(entry, path)
    return model


def packed(entry: ModelEntry, files: Mapping[str, Path], origin: Mapping[str, str]) -> bytes:
    """Return our own file as bytes, from the published files by name; WeightsError if one is missing."""
    content: bytes = import_module(f"codectool.models.{entry.family}").packed(entry, files, origin)
    return content

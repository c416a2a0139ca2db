"""Families that are published as graphs, for LiteRT, rather than as tensors; no torch.

Such a family is one file as well, whose functions are `load_graphs`, which makes a model ready to run, and
`packed`, which puts the published files into one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from codectool.models.entry import ModelEntry
from codectool.models.loaded import LoadedModel


def load_graphs(entry: ModelEntry, path: Path) -> LoadedModel:
    """Return the model with the graphs in a file of ours; WeightsError if it holds none, or others."""
    model: LoadedModel = import_module(f"codectool.models.{entry.family}").load_graphs(entry, path)
    return model


def packed(entry: ModelEntry, files: Mapping[str, Path], origin: Mapping[str, str]) -> bytes:
    """Return our own file of the published ones, given by their names; WeightsError if one is missing."""
    content: bytes = import_module(f"codectool.models.{entry.family}").packed(entry, files, origin)
    return content

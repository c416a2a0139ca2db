"""Toy families as another package would offer them: an entry point each, and weights in a file."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from codectool.models.fingerprint import codebook_names
from codectool.models.registry import ModelEntry
from codectool.models.search import WEIGHTS_VARIABLE

ROOT = Path(__file__).parents[2]
TOYS = ("toy_stereo", "toy_ahead")


def write_toy_weights(entry: ModelEntry, path: Path) -> Path:
    """Write random weights of a toy."""
    module = importlib.import_module(entry.family)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = module.FAMILY.build(module.FAMILY.config())
        state = codec.state_dict()
        for name in codebook_names(state):
            state[name] = torch.randn(state[name].shape) * 0.3
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of an installed package which offers the toys."""
    folder = tmp_path_factory.mktemp("plugins")
    info = folder / "toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    points = "\n".join(f"{name} = tests.families.{name}:ENTRY" for name in TOYS)
    (info / "entry_points.txt").write_text(f"[codectool.models]\n{points}\n")
    return folder


@pytest.fixture(params=TOYS)
def toy(
    request: pytest.FixtureRequest, plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModelEntry:
    """One of the toys, known by its entry point here and in processes started from here."""
    monkeypatch.syspath_prepend(str(plugins))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(plugins), str(ROOT))))
    module = importlib.import_module(f"tests.families.{request.param}")
    entry: ModelEntry = module.ENTRY
    weights = write_toy_weights(entry, tmp_path / entry.weights_file)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(weights))
    return entry

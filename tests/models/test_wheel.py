"""The wheel takes along all that the shipped models need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "description", sorted((ROOT / "weights").glob("*.graphs.json")), ids=lambda x: x.name
)
def test_the_wheel_has_weights_and_all_graphs(description: Path) -> None:
    name = description.name.partition(".")[0]
    stages = json.loads(description.read_text())["stages"]
    graphs = {stage[half]["file"] for stage in stages for half in ("encoder", "decoder")}
    told = (ROOT / "pyproject.toml").read_text()
    for file in (description.name, f"{name}.safetensors", *graphs):
        assert f'"weights/{file}" = "codectool/_weights/{file}"' in told

"""What is not installed is named, with the extra that brings it, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from codectool.models.registry import find

COMMAND = "import sys; sys.modules[sys.argv[1]] = None; "
COMMAND += "from codectool.__main__ import run; sys.exit(run(sys.argv[2:]))"


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("torch", ["models", "import", "weights.th"], "torch"),
        ("onnx", ["export-onnx", "folder"], "onnx"),
        ("ai_edge_litert", ["models", "import", "graphs"], "lyra"),
    ],
)
def test_the_extra_is_named(folder: Path, missing: str, arguments: list[str], extra: str) -> None:
    Path("weights.th").write_bytes(b"PK\x03\x04")
    make_graphs()
    command = [sys.executable, "-c", COMMAND, missing, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 5
    (line,) = ran.stderr.splitlines()
    assert line.endswith(f": pip install 'codectool[{extra}]'")


def make_graphs() -> None:
    """Make a folder of files called as Lyra's are."""
    Path("graphs").mkdir()
    for part in find("lyra_v2").parts:
        Path("graphs", PurePosixPath(part.url).name).write_bytes(b"no graph")


def test_graphs_need_no_pytorch(folder: Path) -> None:
    make_graphs()
    command = [sys.executable, "-c", COMMAND, "torch", "models", "import", "graphs"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 5
    assert "PyTorch" not in ran.stderr

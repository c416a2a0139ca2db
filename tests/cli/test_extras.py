"""What is not installed is named, with the extra that brings it, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = "import sys; sys.modules[sys.argv[1]] = None; "
COMMAND += "from codectool.__main__ import run; sys.exit(run(sys.argv[2:]))"


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("torch", ["models", "import", "weights.th"], "torch"),
        ("onnx", ["export-onnx", "folder"], "onnx"),
    ],
)
def test_the_extra_is_named(folder: Path, missing: str, arguments: list[str], extra: str) -> None:
    Path("weights.th").write_bytes(b"PK\x03\x04")
    command = [sys.executable, "-c", COMMAND, missing, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 5
    (line,) = ran.stderr.splitlines()
    assert line.endswith(f": pip install 'codectool[{extra}]'")

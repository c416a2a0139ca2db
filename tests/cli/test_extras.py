"""What is not installed is named, with the extra that brings it, and no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("torch", ("models", "import", "weights.th"), "torch"),
        ("onnx", ("export-onnx", "folder"), "onnx"),
    ],
)
def test_the_extra_is_named(
    codec: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    arguments: tuple[str, ...],
    extra: str,
) -> None:
    Path("weights.th").write_bytes(b"PK\x03\x04")
    for name in [name for name in sys.modules if name.startswith("codectool.")]:
        if name.rpartition(".")[2] in ("identifying", "install", "checkpoints", "onnx_export", "onnx_files"):
            monkeypatch.delitem(sys.modules, name)  # as in a process that has not used it yet
    monkeypatch.setitem(sys.modules, missing, None)
    ran = codec(*arguments)
    assert ran.code == 5
    assert ran.complaint().endswith(f": pip install 'codectool[{extra}]'")

"""What a figure was measured on, and the tables that say so."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import codectool


def write_table(path: Path, rows: Iterable[Sequence[object]], remark: str = "") -> None:
    """Write a table, its heading first, under a line that says what it was measured on, and a remark."""
    with path.open("w", newline="") as file:
        file.write(f"# {description()}{remark}\n")
        csv.writer(file).writerows(rows)


def description() -> str:
    """Return the processor, the cores and the versions that figures depend on, in one line."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
    versions = [f"codectool {codectool.__version__}"]  # a clone need not be installed
    versions += [f"{name} {importlib.metadata.version(name)}" for name in ("onnxruntime", "torch", "numpy")]
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(versions)}"

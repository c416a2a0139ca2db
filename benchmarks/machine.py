"""What a figure was measured on, and the tables that say so."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from codectool.quality.provenance import provenance


def write_table(path: Path, rows: Iterable[Sequence[object]], remark: str = "") -> None:
    """Write a table, its heading first, under a line that says what it was measured on, and a remark."""
    with path.open("w", newline="") as file:
        file.write(f"# {description()}{remark}\n")
        csv.writer(file).writerows(rows)


def description() -> str:
    """Return the processor, the cores and the versions that figures depend on, in one line."""
    facts = provenance()
    versions = [f"{name} {facts[name]}" for name in ("codectool", "onnxruntime", "torch", "numpy")]
    return f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, {', '.join(versions)}"

"""What a figure was measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import codectool


def description() -> str:
    """Return the processor, the cores and the versions that figures depend on, in one line."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(": ")[1] for line in lines if line.startswith("model name")), processor)
    versions = [f"codectool {codectool.__version__}"]  # a clone need not be installed
    versions += [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "numpy")]
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(versions)}"

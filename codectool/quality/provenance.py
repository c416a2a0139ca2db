"""Where numbers come from: the machine and the versions that a table carries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path

import codectool
from codectool.quality.codecs import Codec
from codectool.quality.metrics import METRICS


def provenance(codecs: Iterable[Codec] = ()) -> dict[str, str]:
    """Name the processor, its cores, the system, and the versions of all that made the numbers.

    Nothing in it tells a host, a user or a path.
    """
    facts = {
        "cpu": cpu_name(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "codectool": codectool.__version__,
    }
    packages = [metric.distribution for metric in METRICS if metric.distribution]
    facts |= {
        package: _installed(package) for package in ["onnxruntime", "torch", "numpy", "soxr", *packages]
    }
    for codec in codecs:
        facts[codec.name] = codec.version()
    return facts


def cpu_name(facts_file: Path = Path("/proc/cpuinfo")) -> str:
    """Name the processor as the system does, with its numbers: virtual machines hide the rest of its name."""
    try:
        lines = facts_file.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    facts = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    numbers = [
        f"{name.removeprefix('cpu ')} {facts[name]}" for name in ("cpu family", "model") if name in facts
    ]
    return " ".join([facts["model name"], *numbers])


def _installed(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

"""Imports go downwards only, and what needs no network loads no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codectool.models.registry import MODELS

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "codectool").rglob("*.py"))
NAMES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
}


def part(name: str) -> str:
    """Return the part of the package a module belongs to."""
    return name.removeprefix("codectool").removeprefix(".").split(".")[0]


# What each part of the package may import; besides these, anyone may read models.registry and the version.
ALLOWED: dict[str, set[str]] = {
    "": {"api", "errors"},  # codectool itself: the public names
    "errors": set(),
    "nn": set(),
    "files": {"errors"},
    "engines": {"errors", "nn"},
    "audio": {"errors", "files"},
    "container": {"errors", "files"},
    "models": {"errors", "files", "engines", "nn"},
    "sessions": {"errors", "audio", "container", "models", "engines"},
    "pipeline": {"errors", "files", "audio", "container", "engines", "models", "sessions"},
    "tokens": {"errors", "files", "audio", "container", "engines", "models", "sessions", "pipeline"},
    "batch": {"errors", "files", "audio", "container", "engines", "models", "pipeline"},
    "quality": {
        "errors",
        "files",
        "audio",
        "container",
        "engines",
        "models",
        "nn",
        "sessions",
        "pipeline",
    },
    "api": {"errors", "files", "audio", "container", "models", "sessions", "pipeline"},
    "cli": {
        "errors",
        "files",
        "audio",
        "container",
        "engines",
        "models",
        "sessions",
        "tokens",
        "batch",
        "pipeline",
        "quality",
    },
    "__main__": {"errors", "files", "engines", "cli"},
}
MAY_IMPORT_TORCH = ("codectool.nn", "codectool.engines.torch", "codectool.models", "codectool.quality")
# Families are found by the names in the registry, so that no other module knows them.
FAMILIES = {f"codectool.models.{entry.family}" for entry in MODELS.values()}
# Parts that run without torch, and so do their imports.
TORCH_FREE = {"errors", "files", "audio", "container", "tokens", "sessions", "pipeline", "batch", "api"}
TORCH_FREE |= {"", "cli", "__main__"}
TORCH_FREE_MODELS = ("registry", "search", "fetching", "fingerprint", "loaded", "loading", "onnx_loading")
TORCH_FREE_MODELS += ("entry", "own_entries", "field_entries", "graph_families", "lyra")
TORCH_FREE_MODELS += ("weights",)
WITHOUT_TORCH = [name for name in NAMES if part(name) in TORCH_FREE]
TORCH_FREE_ENGINES = ("kernel_caches", "litert_engine", "network", "onnx_engine", "processes", "threads")
WITHOUT_TORCH += [f"codectool.engines.{name}" for name in TORCH_FREE_ENGINES]
WITHOUT_TORCH += [f"codectool.models.{name}" for name in TORCH_FREE_MODELS]


def imports(name: str) -> Iterator[str]:
    """Give every module that one imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(NAMES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are written in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else str(node.module)


@pytest.mark.parametrize("name", NAMES)
def test_imports_go_downwards(name: str) -> None:
    for other in imports(name):
        if other.startswith("codectool.") and other != "codectool.models.registry":
            assert part(other) in ALLOWED[part(name)] | {part(name)}, f"{name} imports {other}"


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_imports_families_torch_or_the_recipe(name: str) -> None:
    for other in imports(name):
        assert other.split(".")[0] != "weights"
        assert other not in FAMILIES, f"{name} imports {other}"
        if other.split(".")[0] == "torch":
            assert name.startswith(MAY_IMPORT_TORCH), f"{name} imports torch"


def test_no_import_closes_a_circle() -> None:
    """Imports within functions count as well."""
    left = {name: {other for other in imports(name) if other in NAMES} - {"codectool"} for name in NAMES}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"a circle among {sorted(left)}"


def test_the_table_has_no_parts_that_are_gone() -> None:
    assert set(ALLOWED) == {part(name) for name in NAMES}
    assert FAMILIES


@pytest.mark.parametrize("name", NAMES)
def test_modules_begin_alike(name: str) -> None:
    tree = ast.parse(NAMES[name].read_text())
    assert ast.get_docstring(tree)
    if len(tree.body) > 1:  # more than the docstring
        first = tree.body[1]
        assert isinstance(first, ast.ImportFrom)
        assert (first.module, first.names[0].name) == ("__future__", "annotations")


def test_half_the_package_runs_without_torch() -> None:
    program = f"import sys, {', '.join(WITHOUT_TORCH)}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)

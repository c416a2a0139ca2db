"""Stand-ins for packages that a reference imports and does not need for what is compared."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def stubbed(**contents: dict[str, Any]) -> Iterator[None]:
    """Within this, packages that are not installed can be imported, with just these contents."""
    missing = [name for name in contents if name not in sys.modules and not importlib.util.find_spec(name)]
    for name in missing:
        module = ModuleType(name)
        vars(module).update(contents[name])
        sys.modules[name] = module
        for key, value in contents[name].items():
            if isinstance(value, ModuleType):
                sys.modules[f"{name}.{key}"] = value
    try:
        yield
    finally:
        for name in missing:
            for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
                del sys.modules[key]


def module(name: str, **contents: Any) -> ModuleType:
    """Return a module with these contents."""
    made = ModuleType(name)
    vars(made).update(contents)
    return made

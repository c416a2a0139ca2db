"""What both loops share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codectool.errors import FileError
from codectool.models.loading import LoadedModel

Progress = Callable[[float], None]  # called with the seconds of audio done so far
Loader = Callable[[str, Path | None, str], LoadedModel]  # from a model's name, its weights and a device


def refuse_same(source: str, target: str) -> None:
    """Raise FileError when the output would replace the input."""
    paths = Path(source), Path(target)
    if "-" not in (source, target) and all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
        raise FileError(f"{target}: is the input itself; name another output")

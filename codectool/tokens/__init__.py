"""Codes as arrays for other programs: files, and shards in what language models are trained on. No torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codectool.tokens.jobs import TokenizeJob as TokenizeJob
    from codectool.tokens.reading import describe as describe
    from codectool.tokens.reading import read as read
    from codectool.tokens.records import Description as Description
    from codectool.tokens.running import run as run
    from codectool.tokens.tokenize import Tokenize as Tokenize

_HOME_OF = {
    "Description": "records",
    "Tokenize": "tokenize",
    "TokenizeJob": "jobs",
    "describe": "reading",
    "read": "reading",
    "run": "running",
}
__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'codectool.tokens' has no attribute {name!r}")
    return getattr(import_module(f"codectool.tokens.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

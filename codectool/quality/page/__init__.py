"""The listening page: one HTML file that holds its style, program and sounds, and asks for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

SCRIPTS = ("sound.js", "spectrum.js", "drawing.js", "explore.js", "trials.js", "ratings.js", "main.js")
# What ends a script element, or a line of one, wherever it stands in it.
ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
FACT_DIGITS = 4


def assemble(facts: Mapping[str, Any]) -> bytes:
    """Return the page as UTF-8.

    `facts` are what it shows, as JSON holds it; floats are rounded to FACT_DIGITS. No text in them can become
    markup, and a policy in the page lets nothing run or load but what was put here.
    """
    data = json.dumps(_rounded(facts), separators=(",", ":"), allow_nan=False).translate(ESCAPES)
    named = {"page": hashlib.sha256(data.encode()).hexdigest()[:8]}  # so that results tell whose they are
    style = _read("page.css")
    script = "".join(_read(name) for name in SCRIPTS)
    parts = {
        "POLICY": f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}",
        "STYLE": style,
        "IDENTITY": json.dumps(named),
        "SCRIPT": script,
        "DATA": data,  # last, so that nothing is put into it
    }
    page = _read("page.html")
    for name, text in parts.items():
        page = page.replace(f"@{name}@", text, 1)
    return page.encode()


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Name a text as a content security policy does."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _rounded(data: Any) -> Any:
    if isinstance(data, float):
        return round(data, FACT_DIGITS)
    if isinstance(data, Mapping):
        return {str(key): _rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded(value) for value in data]
    return data

"""The examples do what they say: the same bytes as the commands."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Ran

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("recording", ["speech.wav", "music.flac"])
def test_both_ways(codec: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, recording: str) -> None:
    source = str(EXAMPLES / recording)
    for program, arguments in (
        ("encode_stream.py", [source, "example.ecdc"]),
        ("decode_stream.py", ["example.ecdc", "example.wav"]),
    ):
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        runpy.run_path(str(EXAMPLES / program), run_name="__main__")
    assert codec("encode", source, "command.ecdc").code == 0
    assert codec("decode", "command.ecdc", "command.wav").code == 0
    assert Path("example.ecdc").read_bytes() == Path("command.ecdc").read_bytes()
    assert Path("example.wav").read_bytes() == Path("command.wav").read_bytes()

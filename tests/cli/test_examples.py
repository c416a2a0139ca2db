"""The examples do what they say: the same sound as the commands."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import ROOT, Ran

EXAMPLES = ROOT / "examples"


def run(program: str, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments])
        runpy.run_path(str(EXAMPLES / program), run_name="__main__")


@pytest.mark.parametrize("recording", ["speech.wav", "music.flac"])
def test_both_ways(codec: Callable[..., Ran], recording: str) -> None:
    source = str(EXAMPLES / recording)
    run("arrays.py", source, "arrays.wav")
    run("stream.py", source, "stream.wav")
    assert codec("encode", source, "command.ecdc").code == 0
    assert codec("decode", "command.ecdc", "command.wav").code == 0
    expected, rate_hz = soundfile.read("command.wav")
    arrays, arrays_hz = soundfile.read("arrays.wav")
    stream, stream_hz = soundfile.read("stream.wav")
    assert rate_hz == arrays_hz == stream_hz
    np.testing.assert_allclose(arrays, expected, atol=2**-15)  # by other roundings to 16 bits
    assert len(expected) <= len(stream) < len(expected) + rate_hz // 20
    # shorter blocks may give other codes where two are nearly as close; most are the same
    correlation = np.corrcoef(stream[: len(expected)], expected)[0, 1]
    assert correlation > 0.9

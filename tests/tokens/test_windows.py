"""Recordings wait for others only where that gains something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codectool.models.loading import load
from codectool.tokens.encoding import describe, encode_inputs
from codectool.tokens.items import Input, Place
from codectool.tokens.records import Record


@pytest.mark.parametrize(("engine", "are_read"), [("onnxruntime", 1), ("torch", 7)])
def test_a_window_is_read_only_where_clips_share_a_pass(
    clips: Path, small_weights: Path, engine: str, are_read: int
) -> None:
    model = load("base_24khz", small_weights, engine=engine)
    begun: list[str] = []

    def inputs() -> Iterator[Input]:
        for path in sorted(clips.rglob("*.wav")):
            begun.append(path.name)
            yield Input(path.stem, Place(str(path)))

    first = next(encode_inputs(inputs(), model, describe(model, 8, "cpu")))
    assert isinstance(first, Record)
    assert len(begun) == are_read

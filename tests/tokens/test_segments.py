"""Tokens of a model that codes segments keep the loudness of each, and sound as its files do."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.models.loaded import LoadedModel
from codectool.pipeline.decode_loop import decode_blocks
from codectool.tokens import decoding
from codectool.tokens.encoding import describe, encode_inputs
from codectool.tokens.formats import FORMATS
from codectool.tokens.inputs import find_inputs
from codectool.tokens.records import Record
from tests.sessions.test_segments import model as model  # the fixture


@pytest.mark.parametrize("form", ["wds", "jsonl", "shar"])
def test_scales_go_through_a_shard(
    model: LoadedModel, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "find", lambda name: model.entry)
    clips = tmp_path / "clips"
    clips.mkdir()
    for number, samples in enumerate((1, 500, 916, 997, 2_000)):
        sound = np.linspace(0.01, 0.5, samples)[:, None] * np.random.default_rng(number).normal(
            0, 1, (samples, 2)
        )
        soundfile.write(clips / f"{number}.wav", np.clip(sound, -1, 1), 44_100)
    description = replace(describe(model, 3, "cpu"), model="toy")  # whose length no registry knows
    records = list(encode_inputs(find_inputs(str(clips)), model, description))
    output = io.BytesIO()
    target = tmp_path / FORMATS[form].pattern.format(0)
    FORMATS[form].write(output, description, records, target)  # type: ignore[arg-type]
    target.write_bytes(output.getvalue())
    found_description, found = FORMATS[form].read(target)
    assert found_description.segment_frames == 20
    for record, came in zip(found, records, strict=True):
        assert isinstance(came, Record)
        assert record.scales == came.scales
        assert record.scales is not None
        reader = decoding._reader(record, found_description)
        audio = np.concatenate(list(decode_blocks(reader, model)), axis=1)
        assert audio.shape == (2, record.samples)
    assert len({*record.scales}) > 3

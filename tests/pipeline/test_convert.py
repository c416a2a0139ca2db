"""Version 0 files become version 1 files of the same codes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codectool.__main__ import run
from codectool.container import Audio, Header, HeaderV0, Reader, codes_of
from codectool.models import encodec_lm
from tests.container.samples_v0 import ToyPredictor, make_codes_v0, make_file_v0, make_scales

HEADER = HeaderV0("encodec_24khz", 50_001, 4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file with codebooks, which are all that has to be known of the weights."""
    path = tmp_path / "weights.safetensors"
    codebooks = torch.arange(2 * 3.0).reshape(2, 1, 3)
    save_file({"quantizer.codebooks": codebooks}, path)
    return path


@pytest.mark.parametrize("entropy_coded", [False, True])
def test_the_codes_stay(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, entropy_coded: bool
) -> None:
    monkeypatch.setattr(encodec_lm, "load_language_model", lambda *_: ToyPredictor())
    source, target = tmp_path / "in.ecdc", tmp_path / "out.ecdc"
    segments = make_codes_v0(HEADER)
    source.write_bytes(make_file_v0(HEADER, segments, predictor=ToyPredictor() if entropy_coded else None))
    arguments = ["convert", "-q", str(source), str(target), "--weights", str(weights)]
    assert run(arguments + (["--lm", "unused"] if entropy_coded else [])) == 0
    with target.open("rb") as file:
        reader = Reader(file)
        np.testing.assert_array_equal(codes_of(reader), segments[0])
    assert reader.total_samples == HEADER.total_samples
    numbers = np.arange(6, dtype="<f4").tobytes()
    fingerprint = hashlib.sha256(numbers).digest()[:8]
    assert reader.header == Header("encodec_24khz", fingerprint, 24_000, 320, 10, 4, 1, 24_000, 1)


@pytest.mark.parametrize("samples", [0, 1, 47_521, 48_000, 48_001, 95_041])
def test_segments_and_their_scales_stay(tmp_path: Path, weights: Path, samples: int) -> None:
    header = HeaderV0("encodec_48khz", samples, 2)
    source, target = tmp_path / "in.ecdc", tmp_path / "out.ecdc"
    segments = make_codes_v0(header)
    source.write_bytes(make_file_v0(header, segments))
    assert run(["convert", "-q", str(source), str(target), "--weights", str(weights)]) == 0
    with target.open("rb") as file:
        reader = Reader(file)
        events = [event for event in reader if isinstance(event, Audio)]
    assert (reader.complete, reader.total_samples) == (True, samples)
    kept = [codes for i, codes in enumerate(segments) if i == 0 or segments[i - 1].shape[2] == 150]
    assert [event.scale for event in events] == make_scales(header)[: len(kept)]
    for event, codes in zip(events, kept, strict=True):
        np.testing.assert_array_equal(event.codes, codes)


def test_what_cannot_be_converted_leaves_nothing_behind(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "in.ecdc", tmp_path / "out.ecdc"
    data = make_file_v0(HEADER, make_codes_v0(HEADER))
    entropy_coded = make_file_v0(HEADER, make_codes_v0(HEADER), predictor=ToyPredictor())
    options = ["--weights", str(weights)]
    cases = [
        (data[:-1], options, 3, "in.ecdc"),
        (data, ["--weights", str(tmp_path / "none")], 5, "none"),
        (entropy_coded, options, 5, "--lm FILE"),
        (Header("x", bytes(8), 24_000, 320, 10, 4, 1, 24_000, 1).to_bytes(), options, 2, "version 1"),
    ]
    for content, more, code, message in cases:
        source.write_bytes(content)
        assert run(["convert", str(source), str(target), *more]) == code
        assert message in capsys.readouterr().err
        assert not target.exists()

"""Files go both ways between EnCodec's code and ours; `python -m tests.peers.encodec_files` compares more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codectool.__main__ import run
from codectool.container import HeaderV0
from codectool.container.v0 import MODEL_NAMES
from codectool.engines.torch_engine import on_threads
from codectool.models.encodec_lm import LanguageModel
from tests.peers.encodec_files import compare, random_language_model, same_language_model
from tests.peers.reference import is_installed, patched_compress, random_reference, recording

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs pip install --no-deps encodec, and einops")

TOLERANCE = 1e-4  # of the peak


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with on_threads(1):
        yield


@pytest.fixture(scope="module", params=MODEL_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of a model."""
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where weights are."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def language_models(name: str, folder: Path) -> tuple[Any, LanguageModel]:
    """Both sides' language model with the same random weights, in the folder as NAME.th."""
    theirs = random_language_model(name)
    return theirs, same_language_model(theirs, name, folder)


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 24_000, 47_521, 48_001, 95_041])
def test_same_bytes_and_each_reads_the_other(name: str, samples: int) -> None:
    for levels in (1, 3, 8):
        result = compare(HeaderV0(name, samples, levels))
        assert result.good, result
        assert result.they_read_ours


def test_what_encodec_cannot_read_from_itself_we_read(name: str) -> None:
    result = compare(HeaderV0(name, 21 * 320, 2))
    assert (result.same_bytes, result.we_read_theirs, result.they_read_ours) == (True, True, False)


@pytest.mark.parametrize(
    "samples", [1, 48_001, 84_500]
)  # the last is longer than the 24 kHz model looks back
def test_language_models_write_and_read_the_same(
    name: str, language_models: tuple[Any, LanguageModel], samples: int
) -> None:
    result = compare(HeaderV0(name, samples, 2, True), *language_models)
    assert result.same_bytes, result
    assert result.we_read_theirs, result
    assert result.they_read_ours, result


@pytest.mark.parametrize("entropy_coded", [False, True])
def test_the_command_line_and_encodec_read_each_others_files(
    name: str,
    folder: Path,
    language_models: tuple[Any, LanguageModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entropy_coded: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    network = random_reference(name, speeds=(0.85,), scaling_s=1.0)
    network.set_target_bandwidth(3.0)
    torch.save(network.state_dict(), "weights.th")
    samples = 12_001 if entropy_coded else 50_001
    audio = recording("speech.wav", network.sample_rate, network.channels)[0, :, :samples]
    soundfile.write("in.wav", audio.T.numpy(), network.sample_rate, subtype="FLOAT")
    options = ["-q", "--weights", "weights.th"] + (
        ["--lm", str(folder / f"{name}.th")] if entropy_coded else []
    )
    encoding = ["encode", "in.wav", "ours.ecdc", "--model", name, "--container", "v0", "-b", "3k"]
    assert run(encoding + options) == 0
    with patched_compress(network, language_models[0]) as compress:
        Path("theirs.ecdc").write_bytes(compress.compress(network, audio, use_lm=entropy_coded))
        expected = [
            compress.decompress(Path(f"{side}.ecdc").read_bytes())[0].numpy() for side in ("ours", "theirs")
        ]
    for side, theirs in zip(("ours", "theirs"), expected, strict=True):
        assert run(["decode", f"{side}.ecdc", f"{side}.wav", "--subtype", "FLOAT", *options]) == 0
        found, rate_hz = soundfile.read(f"{side}.wav", dtype="float32", always_2d=True)
        assert (rate_hz, found.T.shape) == (network.sample_rate, theirs.shape)
        assert np.abs(found.T - theirs).max() <= TOLERANCE * np.abs(theirs).max()
        assert np.abs(theirs).max() > 0.01
    Path("cut.ecdc").write_bytes(Path("theirs.ecdc").read_bytes()[:-40])
    assert run(["decode", "cut.ecdc", "cut.wav", *options]) == 3
    assert 0 < soundfile.info("cut.wav").frames < samples

"""Checkpoints as the reference packages write them go through all of the command line; small shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from codectool.__main__ import run
from codectool.models.loading import load
from codectool.models.registry import MODELS, find
from codectool.models.search import WEIGHTS_VARIABLE
from tests.models.small_field import small_entry

from .test_dac import ODD, descript_dac
from .test_mimi import SMALL as MIMI
from .test_mimi import random_moshi, transformers_mimi
from .test_qwen3_tts import SMALL as QWEN3_TTS
from .test_qwen3_tts import random_published
from .test_snac import ATTENDING, PLAIN, random_snac

Save = Callable[[Path], Path]


def save_moshi(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(
        {key: value.contiguous() for key, value in random_moshi().state_dict().items()}, folder / "m.st"
    )
    return folder / "m.st"


def save_transformers_mimi(folder: Path) -> Path:
    transformers_mimi().save_pretrained(folder)
    return folder / "model.safetensors"


def save_dac(folder: Path) -> Path:
    torch.save({"state_dict": descript_dac(ODD).state_dict(), "metadata": {"kwargs": {}}}, folder / "w.pth")
    return folder / "w.pth"


def save_qwen3_tts(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(random_published().tensors(folder), folder / "q.st")
    return folder / "q.st"


def save_snac(config: Any) -> Save:
    def save(folder: Path) -> Path:
        torch.save(random_snac(config).state_dict(), folder / "pytorch_model.bin")
        return folder / "pytorch_model.bin"

    return save


CASES: dict[str, tuple[str, Any, Save]] = {
    "mimi of moshi": ("mimi", MIMI, save_moshi),
    "mimi of transformers": ("mimi", MIMI, save_transformers_mimi),
    "dac": ("dac_24khz", ODD, save_dac),
    "qwen3_tts": ("qwen3_tts_12hz", QWEN3_TTS, save_qwen3_tts),
    "snac": ("snac_24khz", PLAIN, save_snac(PLAIN)),
    "snac with attention": ("snac_44khz", ATTENDING, save_snac(ATTENDING)),
}


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The model of a case, whose checkpoint has been imported."""
    name, config, save = CASES[request.param]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setitem(MODELS, name, small_entry(name, config))
    assert run(["models", "import", str(save(tmp_path)), "--model", name, "-q"]) == 0
    return name


def test_import_encode_pipe_seek_trim_tokens_decode(
    name: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, folder = find(name), tmp_path
    rate_hz, samples = entry.sample_rate_hz, 3 * entry.sample_rate_hz // 2 + 7
    sound = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    soundfile.write(folder / "in.wav", sound, rate_hz, subtype="FLOAT")

    def call(*arguments: object) -> bytes:
        capsysbinary.readouterr()
        assert run([str(argument) for argument in arguments]) == 0, capsysbinary.readouterr().err
        return capsysbinary.readouterr().out

    rates_bps = entry.rates_bps()
    lowest, highest = (f"{(rate_bps + 1) / 1000:.4f}kbps" for rate_bps in (rates_bps[0], rates_bps[-1]))
    call("encode", "-q", "--model", name, "-b", highest, folder / "in.wav", folder / "file.ecdc")
    with (folder / "in.wav").open() as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        piped = call("encode", "-q", "--model", name, "-b", highest, "-", "-")
    assert piped == (folder / "file.ecdc").read_bytes()
    call("decode", "-q", "--subtype", "FLOAT", folder / "file.ecdc", folder / "out.wav")
    whole, _ = soundfile.read(folder / "out.wav", dtype="float32")
    assert len(whole) == samples
    options = ("--start", "0.75", "--duration", "0.5", "--subtype", "FLOAT")
    call("decode", "-q", *options, folder / "file.ecdc", folder / "part.wav")
    part, _ = soundfile.read(folder / "part.wav", dtype="float32")
    first = round(0.75 * rate_hz)
    np.testing.assert_allclose(part, whole[first : first + len(part)], atol=1e-4)
    call("trim", "-q", folder / "file.ecdc", folder / "less.ecdc", "-b", lowest)
    call("decode", "-q", folder / "less.ecdc", folder / "less.wav")
    call("tokens", "-q", folder / "file.ecdc", folder / "tokens.npz")
    with np.load(folder / "tokens.npz") as tokens:
        codes = tokens["codes"]
        named = dict(tokens["codebook_names"]) if "codebook_names" in tokens else {}
    assert codes.shape[-2] == entry.levels
    assert named == ({"0": "semantic"} if name in ("mimi", "qwen3_tts_12hz") else {})


def test_a_half_alone_is_what_it_is_beside_the_other(name: str) -> None:
    whole, encoder, decoder = load(name), load(name, half="encoder"), load(name, half="decoder")
    audio = np.random.default_rng(0).normal(0, 0.1, (1, 1, whole.entry.sample_rate_hz)).astype(np.float32)
    codes = whole.encoder.finish(audio, None, whole.entry.levels)
    np.testing.assert_array_equal(encoder.encoder.finish(audio, None, whole.entry.levels), codes)
    np.testing.assert_array_equal(decoder.decoder.finish(codes, None), whole.decoder.finish(codes, None))
    assert not list(encoder.decoder.codec.decoder.parameters())
    assert not list(decoder.encoder.codec.encoder.parameters())
    assert encoder.fingerprint == decoder.fingerprint == whole.fingerprint

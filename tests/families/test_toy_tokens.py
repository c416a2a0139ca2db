"""Toy families become tokens, and come back from them, like any other model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from codectool.__main__ import run
from codectool.models.registry import ModelEntry
from codectool.tokens import describe, read


def test_a_folder_becomes_tokens_and_comes_back(toy: ModelEntry, folder: Path) -> None:
    Path("clips").mkdir()
    rng = np.random.default_rng(0)
    for number, samples in enumerate((100, 9_973, 30_000, 30_100)):
        soundfile.write(f"clips/{number}.wav", 0.1 * rng.standard_normal((samples, 2)), 44_100)
    options = ["--model", toy.name, "--levels", str(toy.levels), "--jobs", "1", "--check", "4"]
    assert run(["tokenize", "-q", "clips", "tokens", *options]) == 0
    about = describe("tokens")
    assert (about.model, about.levels, about.frame_rate) == (toy.name, toy.levels, toy.exact_frame_rate_hz)
    assert max(about.codebook_sizes) == toy.codebook_size
    assert [item["codes"].shape[0] for item in read("tokens")] == [toy.levels] * 4
    assert run(["decode", "-q", "tokens", "back"]) == 0
    for path in Path("clips").iterdir():
        back = soundfile.info(Path("back", path.name))
        assert (back.frames, back.samplerate) == (soundfile.info(path).frames, 44_100)
        assert back.channels == toy.channels

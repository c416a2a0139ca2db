"""What is exported runs anywhere: one file a half, with its weights, and the facts beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from codectool.models.loaded import LoadedModel
from codectool.sessions.streaming import DecoderSession, EncoderSession
from tests.cli.conftest import Ran

LEVELS = 4


def test_another_program_gets_the_same(
    codec: Callable[..., Ran], small_model: LoadedModel, small_weights: Path
) -> None:
    assert codec("export-onnx", "out", "--weights", str(small_weights)).code == 0
    facts = json.loads(Path("out/base_24khz.json").read_text())
    assert facts["fingerprint"] == small_model.fingerprint.hex()
    encoder, decoder = (
        onnxruntime.InferenceSession(f"out/base_24khz.{half}.onnx") for half in ("encoder", "decoder")
    )

    def start(half: str) -> dict[str, object]:
        shapes = facts[half]["state_shapes"]
        return {f"state_{number}": np.zeros((1, *shape), np.float32) for number, shape in enumerate(shapes)}

    audio = np.random.default_rng(0).normal(0, 0.1, (1, 74 * facts["encoder"]["hop_samples"]))
    audio = audio.astype(np.float32)
    silence = np.zeros((1, facts["encoder"]["finish_frames"] * facts["encoder"]["hop_samples"]), np.float32)
    inputs = {"audio": np.concatenate((audio, silence), axis=1)[None], "levels": np.array(LEVELS)}
    codes = encoder.run(["codes"], inputs | start("encoder"))[0]
    np.testing.assert_array_equal(codes[0], EncoderSession(small_model, LEVELS).finish(audio))
    sound = decoder.run(["audio"], {"codes": codes} | start("decoder"))[0][0]
    session = DecoderSession(small_model)
    expected = np.concatenate((session.push(codes[0].astype(np.uint16)), session.finish()), axis=1)
    np.testing.assert_allclose(sound[:, facts["decoder"]["latency_samples"] :], expected, atol=1e-6)


def test_nothing_is_overwritten_unasked(codec: Callable[..., Ran], small_weights: Path) -> None:
    arguments = ("export-onnx", "out", "--weights", str(small_weights))
    assert codec(*arguments).code == 0
    again = codec(*arguments)
    assert again.code == 4
    assert codec(*arguments, "-f", "-q").code == 0

"""ONNX Runtime computes what torch modules do, from the same weights, and without importing PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from codectool.engines import onnx_engine
from codectool.engines.onnx_engine import read_graphs
from codectool.errors import UsageError, WeightsError
from codectool.models.loaded import LoadedModel
from codectool.models.loading import ENGINE_VARIABLE, load
from codectool.models.search import DESCRIPTION_SUFFIX

LEVELS = 8
HOP_SAMPLES = 320
SHIPPED = Path(__file__).parents[2] / "weights" / "base_24khz.safetensors"
# What no command needs to encode or decode a WAV file at the model's rate.
NOT_NEEDED = (
    *("torch", "scipy", "soxr", "soundfile", "tqdm", "matplotlib", "onnx", "importlib.metadata"),
    *("multiprocessing", "tempfile", "fractions", "codectool.batch"),
)


@pytest.fixture(scope="module", params=["small", "shipped"])
def engines(request: pytest.FixtureRequest, small_weights: Path) -> tuple[LoadedModel, LoadedModel]:
    """One model on ONNX Runtime and on PyTorch."""
    weights = small_weights if request.param == "small" else SHIPPED
    onnx, torch = (load("base_24khz", weights, engine=engine) for engine in ("onnxruntime", "torch"))
    assert (onnx.engine, torch.engine) == ("onnxruntime", "torch")
    return onnx, torch


def sounds(frames: int, batch: int = 1) -> Any:
    """Return noise that fades from full scale to silence below the least bit: features keep all of that."""
    noise = np.random.default_rng(0).normal(0, 0.3, (batch, 1, frames * HOP_SAMPLES))
    return (noise * np.logspace(0, -7, noise.shape[2])).astype(np.float32)


def test_both_engines_say_the_same_of_a_model(engines: tuple[LoadedModel, LoadedModel]) -> None:
    onnx, torch = engines
    assert onnx.fingerprint == torch.fingerprint
    for name in (
        "channels",
        "hop_samples",
        "look_ahead_samples",
        "receptive_field_samples",
        "first_push_samples",
    ):
        assert getattr(onnx.encoder, name) == getattr(torch.encoder, name), name
    for name in (
        "channels",
        "hop_samples",
        "latency_samples",
        "look_ahead_frames",
        "receptive_field_frames",
        "first_push_frames",
    ):
        assert getattr(onnx.decoder, name) == getattr(torch.decoder, name), name
    for samples in (0, 1, 319, 320, 321, 99_999):
        assert onnx.encoder.frames_for(samples) == torch.encoder.frames_for(samples)


@pytest.mark.parametrize(("batch", "levels"), [(1, LEVELS), (3, LEVELS), (1, 20), (3, 32)])
def test_both_engines_give_the_same_codes_and_audio(
    engines: tuple[LoadedModel, LoadedModel], batch: int, levels: int
) -> None:
    audio = sounds(60, batch)
    codes: list[Any] = []
    decoded: list[Any] = []
    for model in engines:
        first, state = model.encoder.step(
            audio[:, :, : 40 * HOP_SAMPLES], model.encoder.initial_state(batch), levels
        )
        rest = model.encoder.finish(audio[:, :, 40 * HOP_SAMPLES : -7], state, levels)
        codes.append(np.concatenate((first, rest), axis=2))
        start = model.decoder.initial_state(batch)
        sound, state = model.decoder.step(codes[0][:, :, :33], start)
        decoded.append(np.concatenate((sound, model.decoder.finish(codes[0][:, :, 33:], state)), axis=2))
    assert codes[0].dtype == np.uint16
    assert codes[0].shape == codes[1].shape == (batch, levels, 61)
    # at ties, after which a frame is coded another way
    assert (codes[0] != codes[1]).any(axis=1).mean() < 0.01 * max(1, levels / LEVELS)
    assert decoded[0].dtype == np.float32
    np.testing.assert_allclose(decoded[0], decoded[1], atol=2e-5, rtol=0)
    assert np.abs(decoded[0]).max() > 1e-3


def test_nothing_in_is_nothing_out(small_model_on_onnx: LoadedModel) -> None:
    encoder, decoder = small_model_on_onnx.encoder, small_model_on_onnx.decoder
    codes, _ = encoder.step(np.zeros((2, 1, 0), np.float32), encoder.initial_state(2), LEVELS)
    assert codes.shape == (2, LEVELS, 0)
    audio, _ = decoder.step(np.zeros((2, LEVELS, 0), np.uint16), decoder.initial_state(2))
    assert audio.shape == (2, 1, 0)
    assert decoder.finish(np.zeros((1, LEVELS, 0), np.uint16), decoder.initial_state(1)).shape == (1, 1, 0)


@pytest.fixture(scope="module")
def small_model_on_onnx(small_weights: Path) -> LoadedModel:
    """The small model on ONNX Runtime, whatever the default is."""
    return load("base_24khz", small_weights, engine="onnxruntime")


def test_states_are_values_and_threads_share_a_network(small_weights: Path) -> None:
    model = load("base_24khz", small_weights, engine="onnxruntime")  # not run yet
    audio = sounds(75)
    start = model.encoder.initial_state(1)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(model.encoder.step, audio, start, LEVELS) for _ in range(8)]
    first, *others = (run.result() for run in runs)
    assert start is None
    for codes, state in others:
        np.testing.assert_array_equal(codes, first[0])
        for array, expected in zip(state, first[1], strict=True):
            np.testing.assert_array_equal(array, expected)


def test_what_is_prepared_is_loaded_meanwhile(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_engine, "usable_threads", lambda: 2)
    loaded = []
    load_graph = onnx_engine._load

    def watched(*arguments: Any) -> Any:
        loaded.append(threading.current_thread().name)
        return load_graph(*arguments)

    monkeypatch.setattr(onnx_engine, "_load", watched)
    audio, model = sounds(5), load("base_24khz", small_weights, engine="onnxruntime")
    model.encoder.prepare(model.entry.levels + 1)  # of which there are none: whoever runs them is told
    model.encoder.prepare(LEVELS)
    for thread in threading.enumerate():
        if thread.name == "load":
            thread.join()
    codes, _ = model.encoder.step(audio, model.encoder.initial_state(1), LEVELS)
    model.encoder.prepare(LEVELS)
    assert loaded == ["load"]
    monkeypatch.setattr(onnx_engine, "usable_threads", lambda: 1)
    alone = load("base_24khz", small_weights, engine="onnxruntime")
    alone.encoder.prepare(LEVELS)
    np.testing.assert_array_equal(alone.encoder.step(audio, None, LEVELS)[0], codes)
    assert loaded == ["load", threading.current_thread().name]


def test_weights_that_are_no_numbers_are_refused(small_weights: Path, tmp_path: Path) -> None:
    tensors = load_file(small_weights)
    tensors["decoder.parts.0.convolution.bias"][3] = np.nan
    path = tmp_path / "broken.safetensors"
    config = read_graphs(small_weights.with_suffix(DESCRIPTION_SUFFIX)).config
    save_file(tensors, path, {"config": json.dumps(dict(config))})
    _copy_graphs(small_weights, path)
    model = load("base_24khz", path, engine="onnxruntime")
    model.decoder.prepare(1)  # says nothing yet
    with pytest.raises(WeightsError, match=r"broken\.safetensors: holds values that are not finite"):
        model.decoder.step(np.zeros((1, 1, 2), np.uint16), model.decoder.initial_state(1))


def test_what_has_no_graphs_runs_on_torch(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(small_weights.read_bytes())
    assert load("base_24khz", alone).engine == "torch"  # the shipped graphs are of another shape
    for choice in ({"device": "meta"}, {"precision": "bfloat16"}, {"weights": alone}):
        given: dict[str, Any] = {"weights": small_weights, "engine": "onnxruntime", **choice}
        with pytest.raises(UsageError, match="choose engine torch"):
            load("base_24khz", **given)
    _copy_graphs(small_weights, alone)
    assert load("base_24khz", alone).engine == "onnxruntime"
    monkeypatch.setenv(ENGINE_VARIABLE, "torch")
    assert load("base_24khz", alone).engine == "torch"


def test_graphs_that_cannot_be_read_say_so(small_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(small_weights.read_bytes())
    _copy_graphs(small_weights, path)
    graph = tmp_path / "small.encoder.onnx"
    graph.write_bytes(graph.read_bytes()[:500])
    model = load("base_24khz", path, engine="onnxruntime")
    with pytest.raises(WeightsError, match=r"small\.encoder\.onnx: cannot be loaded"):
        model.encoder.step(sounds(5), model.encoder.initial_state(1), LEVELS)
    path.with_suffix(DESCRIPTION_SUFFIX).write_text("{}")
    with pytest.raises(WeightsError, match=r"graphs\.json: cannot be read"):
        load("base_24khz", path, engine="onnxruntime")


def test_nothing_of_a_graph_is_left_to_be_computed_once() -> None:
    """An engine that improves nothing would compute it for every block."""
    import onnx

    graphs = read_graphs(SHIPPED.with_suffix(DESCRIPTION_SUFFIX))
    for half in (graph for stage in graphs.stages for graph in (stage.encoder, stage.decoder)):
        graph = onnx.load(half.path, load_external_data=False).graph
        known = {tensor.name for tensor in graph.initializer} | {""}
        always_the_same = [node for node in graph.node if node.input and known.issuperset(node.input)]
        # What only names axes otherwise leaves weights where they are.
        kinds = {node.op_type for node in always_the_same}
        assert kinds <= {"Reshape", "Unsqueeze"}, f"{half.path.name}: {kinds}"


def test_a_command_imports_only_what_it_needs(small_weights: Path, tmp_path: Path) -> None:
    from codectool.audio.sink import open_sink

    with open_sink(tmp_path / "in.wav", rate_hz=24_000, channels=1) as sink:
        sink.write(sounds(80)[0])
    program = f"import sys; sys.modules |= dict.fromkeys({NOT_NEEDED}); from codectool.__main__ import run; "
    program += "sys.exit(run(sys.argv[1:]))"
    for command in (["encode", "in.wav", "a.ecdc"], ["decode", "a.ecdc", "back.wav"]):
        options = ["--weights", str(small_weights), "--engine", "onnxruntime"]
        arguments = [sys.executable, "-c", program, *command, *options]
        subprocess.run(arguments, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "back.wav").stat().st_size == (tmp_path / "in.wav").stat().st_size


def test_models_without_graphs_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codectool.models.loading.find_spec", lambda _: None)
    for choice, what in (
        ({"name": "encodec_24khz"}, "encodec_24khz"),
        ({"name": "base_24khz", "device": "cuda"}, "device cuda"),
        ({"name": "base_24khz", "precision": "bfloat16"}, "precision bfloat16"),
    ):
        with pytest.raises(WeightsError, match=rf"^{what} needs PyTorch: pip install 'codectool\[torch\]'"):
            load(**choice)


def _copy_graphs(source: Path, target: Path) -> None:
    description = source.with_suffix(DESCRIPTION_SUFFIX)
    target.with_suffix(DESCRIPTION_SUFFIX).write_bytes(description.read_bytes())
    for stage in read_graphs(description).stages:
        for half in (stage.encoder, stage.decoder):
            (target.parent / half.path.name).write_bytes(half.path.read_bytes())

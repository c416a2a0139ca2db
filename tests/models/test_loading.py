"""Finding weights, refusing wrong ones, and the registry telling the truth about those shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from codectool.errors import UsageError, WeightsError
from codectool.models.fingerprint import fingerprint_of
from codectool.models.loading import load
from codectool.models.registry import DEFAULT_MODEL, MODELS, find
from codectool.models.search import WEIGHTS_VARIABLE, find_weights
from tests.small_models import codec_of

SHIPPED_LIMIT_BYTES = 30_000_000  # 24 before the wave path, whose codebooks have 9.8
SHIPPED = Path(__file__).parents[2] / "weights" / "base_24khz.safetensors"


def test_the_registry_describes_the_shipped_weights() -> None:
    entry = find(DEFAULT_MODEL)
    model = load(DEFAULT_MODEL, SHIPPED)
    codec = codec_of(model)
    assert model.fingerprint == entry.fingerprint
    assert entry.parameters == sum(value.numel() for value in codec.state_dict().values())
    assert SHIPPED.stat().st_size <= SHIPPED_LIMIT_BYTES
    assert (codec.encoder.hop, codec.config.levels) == (entry.hop_samples, entry.levels)
    # a block of input is needed to begin a hop, and the decoder waits one more
    assert entry.latency_samples == entry.hop_samples + codec.decoder.latency
    assert {value.dtype for value in load_file(SHIPPED).values()} == {torch.float16}


def test_every_spelling_of_codebooks_gives_one_fingerprint() -> None:
    codebooks = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float16)
    expected = fingerprint_of([codebooks])
    others_order = np.ascontiguousarray(codebooks.transpose(1, 0, 2)).transpose(1, 0, 2)
    spellings = ([codebooks.astype(np.float64)], [codebooks.astype(">f4")], [others_order], list(codebooks))
    assert {fingerprint_of(spelling) for spelling in spellings} == {expected}
    assert fingerprint_of([codebooks + 1]) != expected
    assert fingerprint_of(codebooks[::-1]) != expected


def test_named_weights_come_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = find(DEFAULT_MODEL)
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()
    second.touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(second))
    assert find_weights(entry, first) == first
    assert find_weights(entry) == second
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    assert find_weights(entry) not in (first, second)


def test_missing_weights_say_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere.*`weights=FILE`"):
        load(DEFAULT_MODEL, tmp_path / "nowhere")


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.safetensors"
    tensors = load_file(SHIPPED)
    if kind == "text":
        path.write_text("not weights")
    elif kind == "pickle":
        torch.save(tensors, path)
    else:
        name = "quantizer.codebooks"
        if kind == "missing":
            del tensors[name]
        elif kind == "shape":
            tensors[name] = tensors[name][:, :, :5].contiguous()
        elif kind == "extra":
            tensors["surplus"] = torch.zeros(1)
        else:
            tensors[name] = tensors[name] * float("nan")
        save_file(tensors, path)
    return path


@pytest.mark.parametrize("kind", ["text", "pickle", "missing", "shape", "extra", "nan"])
def test_wrong_weights_are_refused(tmp_path: Path, kind: str) -> None:
    path = damaged(tmp_path, kind)
    with pytest.raises(WeightsError) as caught:
        load(DEFAULT_MODEL, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_of_model_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(load_file(SHIPPED), path, metadata={"config": '{"levels": 17}'})
    with pytest.raises(WeightsError, match="levels is 17, not 32"):
        load(DEFAULT_MODEL, path)
    shapes = ('"encoder_width": "wide"', '"encoder_width": -1', '"decoder_blocks": 1000000000')
    for config in ('{"colour": 1}', "[1]", "{", *(f"{{{shape}}}" for shape in shapes)):
        save_file(load_file(SHIPPED), path, metadata={"config": config})
        with pytest.raises(WeightsError, match="metadata"):
            load(DEFAULT_MODEL, path)
    save_file({"one": torch.zeros(1)}, path, metadata={"config": '{"encoder_width": 50000000}'})
    with pytest.raises(WeightsError, match="tensors differ"):  # and no memory was taken for that width
        load(DEFAULT_MODEL, path)


def test_an_unknown_model_names_the_known() -> None:
    with pytest.raises(UsageError, match="base_24khz"):
        find("nobody")


def test_rates_never_exceed_what_was_asked() -> None:
    for entry in MODELS.values():
        rates_bps = entry.rates_bps()
        above_bps = (*rates_bps[1:], rates_bps[-1] + entry.level_bps)
        for levels, rate_bps, next_bps in zip(entry.level_choices, rates_bps, above_bps, strict=True):
            for asked_bps in (rate_bps, (rate_bps + next_bps) / 2, next_bps - 0.1):
                assert entry.levels_for(asked_bps) == levels
        for asked_bps in (0, rates_bps[0] - 1, rates_bps[-1] + entry.level_bps):
            with pytest.raises(UsageError, match=f"{rates_bps[0] / 1000:g}, "):
                entry.levels_for(asked_bps)


@pytest.mark.parametrize("device", ["cpu", "meta", "cuda:99"])
def test_choices_that_are_none_are_refused_on_any_device(device: str) -> None:
    with pytest.raises(UsageError, match=r"precision 'float8': choose from auto, float32, bfloat16"):
        load(DEFAULT_MODEL, SHIPPED, device, "float8")
    with pytest.raises(UsageError, match=r"engine 'abacus': choose from auto, "):
        load(DEFAULT_MODEL, SHIPPED, device, engine="abacus")


def test_a_precision_that_a_device_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codectool.models.torch_loading._move", lambda *_: torch.device("cuda"))
    with pytest.raises(UsageError, match="precision bfloat16 is for the CPU, not for cuda"):
        load(DEFAULT_MODEL, SHIPPED, "cuda", "bfloat16")


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(UsageError, match=f"device '{device}': not usable here"):
        load(DEFAULT_MODEL, SHIPPED, device)

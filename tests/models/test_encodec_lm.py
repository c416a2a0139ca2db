from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codectool.container import Audio, HeaderV0, open_reader
from codectool.engines.torch_engine import on_threads
from codectool.errors import WeightsError
from codectool.models.encodec_lm import LanguageModel, load_language_model
from codectool.models.registry import find
from tests.container.samples_v0 import make_codes_v0, make_file_v0

TOTAL = 2**24


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """A model of two levels that looks back eight frames, with random weights."""
    torch.manual_seed(0)
    return LanguageModel(levels=2, codebook_size=1024, past_frames=8).eval().requires_grad_(False)


def test_bounds_grow_by_two_at_least_and_stay_within_the_range(model: LanguageModel) -> None:
    bounds, _ = model.step(None, 2, None)
    assert (bounds.shape, bounds.dtype) == ((2, 1024), np.int64)
    assert (np.diff(bounds, axis=1, prepend=0) >= 2).all()
    assert (bounds[:, -1] <= TOTAL).all()
    assert (bounds[:, -1] > 0.999 * TOTAL).all()


def test_the_state_is_a_value(model: LanguageModel) -> None:
    frames = np.random.default_rng(0).integers(0, 1024, (20, 2)).astype(np.uint16)
    states, bounds = [None], []
    previous = None
    for frame in frames:
        out, state = model.step(previous, 2, states[-1])
        bounds.append(out)
        states.append(state)
        previous = frame
    again, _ = model.step(frames[9], 2, states[10])
    np.testing.assert_array_equal(again, bounds[10])
    assert not np.array_equal(model.step(frames[8], 2, states[10])[0], again)
    assert states[-1].pasts[0].shape[1] == 8  # no more than it looks back
    assert not np.array_equal(bounds[0], bounds[1])


def test_fewer_levels_than_the_model_has(model: LanguageModel) -> None:
    one, _ = model.step(np.array([5], np.uint16), 1, None)
    two, _ = model.step(np.array([5, 7], np.uint16), 2, None)
    assert one.shape == (1, 1024)
    assert not np.array_equal(one[0], two[0])


def test_it_runs_on_its_own_number_of_threads_and_gives_the_others_back(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    forward = model.transformer.forward

    def watched(*given: Any) -> Any:
        seen.append(torch.get_num_threads())
        return forward(*given)

    monkeypatch.setattr(model.transformer, "forward", watched)
    with on_threads(2):
        model.step(None, 2, None)
        assert torch.get_num_threads() == 2
    assert seen == [1]


@pytest.mark.parametrize(
    "header", [HeaderV0("encodec_24khz", 7_000, 2), HeaderV0("encodec_48khz", 48_001, 1)]
)
def test_files_come_back(model: LanguageModel, header: HeaderV0) -> None:
    segments = make_codes_v0(header)
    data = make_file_v0(header, segments, predictor=model)
    events = [event for event in open_reader(io.BytesIO(data), lambda _: model) if isinstance(event, Audio)]
    found = np.concatenate([event.codes for event in events], axis=2)
    np.testing.assert_array_equal(found, np.concatenate(segments, axis=2))


@pytest.mark.parametrize("suffix", ["th", "safetensors"])
def test_loading(tmp_path: Path, suffix: str) -> None:
    entry = find("encodec_48khz")
    model = LanguageModel(entry.levels, entry.codebook_size, 525)
    tensors, path = model.state_dict(), tmp_path / f"lm.{suffix}"
    torch.save(tensors, path) if suffix == "th" else save_file(tensors, path)
    loaded = load_language_model(entry, path)
    assert loaded.transformer.past_frames == 525
    np.testing.assert_array_equal(loaded.step(None, 3, None)[0], model.eval().step(None, 3, None)[0])
    with pytest.raises(WeightsError, match="not the language model of encodec_24khz"):
        load_language_model(find("encodec_24khz"), path)


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "lm.safetensors"
    with pytest.raises(WeightsError):
        load_language_model(find("encodec_48khz"), path)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        load_language_model(find("encodec_48khz"), path)
    entry = find("encodec_48khz")
    tensors = LanguageModel(entry.levels, entry.codebook_size, 525).state_dict()
    tensors["linears.0.bias"][3] = torch.nan
    save_file(tensors, path)
    with pytest.raises(WeightsError, match="not finite"):
        load_language_model(entry, path)

"""What tests of several folders share; torch is imported only where it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from codectool.models.loaded import LoadedModel


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, and the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the weights of small models are written."""
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def small_weights(weights_folder: Path) -> Path:
    """Weights of a small model that makes noise."""
    from tests.small_models import noise_codec, write_weights

    return write_weights(noise_codec(seed=0), weights_folder / "small.safetensors")


@pytest.fixture(scope="session")
def other_weights(weights_folder: Path) -> Path:
    """Weights of another one, with another fingerprint."""
    from tests.small_models import noise_codec, write_weights

    return write_weights(noise_codec(seed=1), weights_folder / "other.safetensors")


@pytest.fixture(scope="session")
def tone_weights(weights_folder: Path) -> Path:
    """Weights of a small model that makes a tone."""
    from tests.small_models import tone_codec, write_weights

    return write_weights(tone_codec(), weights_folder / "tone.safetensors")


@pytest.fixture(scope="session")
def small_model(small_weights: Path) -> LoadedModel:
    """The small model that makes noise."""
    from codectool.models.loading import load

    return load("base_24khz", small_weights)


@pytest.fixture(scope="session")
def small_torch_model(small_weights: Path) -> LoadedModel:
    """The same on PyTorch, which may compute blocks together."""
    from codectool.models.loading import load

    return load("base_24khz", small_weights, engine="torch")

"""The callable for data libraries of others, alone and in them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codectool.errors import UsageError
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.reading import read
from codectool.tokens.running import run
from codectool.tokens.tokenize import Tokenize
from tests.tokens.samples import RATE_HZ, write_clips


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four clips, two of them stereo."""
    return write_clips(tmp_path_factory.mktemp("clips"), 4)


@pytest.fixture(scope="module")
def expected(
    paths: list[Path], small_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What `codec tokenize` makes of them."""
    target = tmp_path_factory.mktemp("shards")
    run(TokenizeJob(str(paths[0].parent), str(target), weights=small_weights))
    return {item["id"].removeprefix("sub/"): item for item in read(target)}


def test_any_kind_of_cell_gives_the_same_codes(
    paths: list[Path], expected: dict[str, Any], small_weights: Path
) -> None:
    array, rate_hz = soundfile.read(paths[3], dtype="float32")
    cells = [
        str(paths[0]),
        paths[1].read_bytes(),
        {"bytes": None, "path": str(paths[2])},
        {"array": array.T, "sampling_rate": rate_hz},
        None,
    ]
    tokenize = pickle.loads(pickle.dumps(Tokenize(weights=small_weights)))
    batch = tokenize({"audio": cells, "text": list("abcde")})
    assert set(batch) == {"text", "codes", "frames", "samples", "sample_rate_hz", "channels", "error"}
    for path, codes, samples, error in zip(
        paths, batch["codes"], batch["samples"], batch["error"], strict=False
    ):
        np.testing.assert_array_equal(codes, expected[path.stem]["codes"])
        assert codes.dtype == np.int16
        assert (samples, error) == (expected[path.stem]["samples"], "")
    assert batch["error"][4] == "holds no audio, but NoneType"
    assert batch["codes"][4].shape == (8, 0)
    assert "_loaded" in tokenize.__dict__
    assert pickle.loads(pickle.dumps(tokenize))._loaded is None


def test_what_there_is_not_is_refused_at_once() -> None:
    for choices in ({"model": "none"}, {"levels": 40}, {"layout": "spiral"}, {"bitrate": 7.0}):
        with pytest.raises(UsageError):
            Tokenize(**choices)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_it_works_in_hugging_face_datasets(
    paths: list[Path], expected: dict[str, Any], small_weights: Path, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install '.[test]'")
    data = datasets.Dataset.from_dict(
        {"audio": [str(path) for path in paths], "name": [path.stem for path in paths]}
    ).cast_column("audio", datasets.Audio(decode=False))
    found = data.map(
        Tokenize(weights=small_weights),
        batched=True,
        batch_size=3,
        remove_columns=["audio"],
        cache_file_name=str(tmp_path / "cache.arrow"),
    )
    for row in found:
        np.testing.assert_array_equal(row["codes"], expected[row["name"]]["codes"])


@pytest.mark.parametrize(
    "cell",
    [
        {"array": np.zeros(99)},
        {"array": np.zeros(99), "sampling_rate": "fast"},
        {"array": np.zeros((9999, 2)), "sampling_rate": RATE_HZ},
        {"array": np.zeros((1, 1, 99)), "sampling_rate": RATE_HZ},
        {"array": [[1.0], [1.0, 2.0]], "sampling_rate": RATE_HZ},
        {"array": np.full(99, np.nan), "sampling_rate": RATE_HZ},
        {"array": np.zeros(99, np.int64), "sampling_rate": RATE_HZ},
    ],
)
def test_an_array_that_is_no_audio_costs_itself_only(cell: dict[str, Any], small_weights: Path) -> None:
    good = {"array": np.zeros(999, np.float32), "sampling_rate": RATE_HZ}
    errors = Tokenize(weights=small_weights)({"audio": [cell, good]})["error"]
    assert errors[0] != ""
    assert errors[1] == ""


def test_whole_numbers_are_scaled(small_weights: Path) -> None:
    sound = (3000 * np.random.default_rng(0).standard_normal(4000)).astype(np.int16)
    cells = [{"array": each, "sampling_rate": RATE_HZ} for each in (sound, sound / 32768)]
    was, expected = Tokenize(weights=small_weights)({"audio": cells})["codes"]
    np.testing.assert_array_equal(was, expected)

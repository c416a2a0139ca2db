"""Errors are of the kinds that Python expects, and still say what they say."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from codectool.errors import CodecError, DataError, FileError, UsageError, WeightsError
from codectool.files.inputs import open_input
from codectool.files.streams import as_file_error

KINDS = {CodecError: 1, UsageError: 2, DataError: 3, FileError: 4, WeightsError: 5}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_and_its_exit_code_stay(kind: type[CodecError]) -> None:
    error = pickle.loads(pickle.dumps(kind("in.wav: is no recording")))
    assert type(error) is kind
    assert str(error) == "in.wav: is no recording"
    assert error.exit_code == KINDS[kind]


def test_each_is_what_python_calls_it() -> None:
    assert issubclass(UsageError, ValueError)
    assert issubclass(FileError, OSError)
    assert FileError("out: is full").errno is None


def test_an_error_with_one_file_is_not_said_of_another(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.touch()
    with pytest.raises(FileError, match=r"^out: is full$"), open_input(source), as_file_error("other"):
        raise FileError("out: is full")

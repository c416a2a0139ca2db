"""Standard streams as bytes, also where they are special."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from codectool.errors import DataError, FileError, UsageError
from codectool.files.inputs import open_input
from codectool.files.streams import flushed, standard_input, standard_output


@pytest.mark.parametrize(("stream", "number"), [(standard_input, 0), (standard_output, 1)])
def test_windows_is_told_that_data_is_binary(
    monkeypatch: pytest.MonkeyPatch, stream: object, number: int
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(setmode=lambda *given: told.append(given)))
    bytes_of = SimpleNamespace(buffer=SimpleNamespace(fileno=lambda: number))
    monkeypatch.setattr(sys, ("stdin", "stdout")[number], bytes_of)
    assert stream() is bytes_of.buffer  # type: ignore[operator]
    assert told == [(number, 0x8000)]


def test_a_pipe_that_does_not_wait_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb") as writer:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stdin))
        later = threading.Timer(0.05, lambda: (writer.write(b"late"), writer.flush()))
        later.start()
        assert standard_input().read1(4) == b"late"  # type: ignore[attr-defined]
        later.join()


def test_what_is_wrong_with_an_input_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_bytes(b"x")
    for path, words in ((tmp_path / "none", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(FileError, match=f"{path}: {words}"), open_input(path):
            pass
    for raised, becomes in ((DataError("is bad"), DataError), (OSError(5, "Input/output error"), FileError)):
        with pytest.raises(becomes, match="in: "), open_input(tmp_path / "in"):
            raise raised
    with pytest.raises(BrokenPipeError), open_input(tmp_path / "in"):
        raise BrokenPipeError
    terminal = io.BytesIO(b"x")
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=terminal))
    with pytest.raises(UsageError, match="stdin: is a terminal"), open_input("-"):
        pass


def test_a_stream_that_takes_little_at_a_time_gets_all_of_it() -> None:
    class Narrow(io.BytesIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:3])  # type: ignore[call-overload]

    narrow = Narrow()
    assert flushed(narrow, "out").write(b"all of it") == 9
    assert narrow.getvalue() == b"all of it"

"""Standard streams, pipes and devices as bytes, with errors that name them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from codectool.errors import FileError


@contextmanager
def as_file_error(name: str | Path) -> Iterator[None]:
    """Raise a FileError naming the output when writing it fails, but not when its reader has gone."""
    try:
        yield
    except (BrokenPipeError, FileError):  # what is a FileError has said it
        raise
    except OSError as error:
        raise FileError(f"{name}: cannot be written: {error.strerror or error}") from error


def standard_input() -> BinaryIO:
    """Return standard input, ready to give bytes."""
    return _waiting_in_binary(sys.stdin.buffer)


def standard_output() -> BinaryIO:
    """Return standard output, ready to take bytes."""
    return _waiting_in_binary(sys.stdout.buffer)


def _waiting_in_binary(stream: BinaryIO) -> BinaryIO:
    """Wait for slow pipes; keep Windows from changing line ends in data, and from ending it at a byte 26."""
    with suppress(AttributeError, OSError, ValueError):  # a parent may not wait, and leave its pipes that way
        os.set_blocking(stream.fileno(), True)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(stream.fileno(), os.O_BINARY)
    return stream


def flushed(stream: BinaryIO, name: str) -> BinaryIO:
    """Return a pipe or device to write live: every write arrives whole and at once, or is a FileError."""
    return cast(BinaryIO, _FlushedStream(stream, name))


class _FlushedStream(io.RawIOBase):
    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data)
        with as_file_error(self._name):
            while left:  # an unbuffered stream may take less than it was given
                left = left[self._stream.write(left) :]
            self._stream.flush()
        return len(data)


def fill_closed_streams() -> None:
    """Open the standard streams that were closed before this process began, on the null device.

    Otherwise the next file opened gets such a stream's number, and messages go into it. Messages to a closed
    stderr are lost; using stdin or stdout fails, for they are opened the wrong way round.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")

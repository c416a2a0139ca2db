"""Where an .ecdc file is read from: a path, or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from codectool.errors import DataError, FileError, UsageError


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file, or for `-` standard input, to read bytes.

    FileError when it is missing, a folder or unreadable; UsageError for a terminal. A DataError on the way
    gets the name of the file: readers know only bytes.
    """
    with ExitStack() as opened:
        stream = _stdin() if str(path) == "-" else opened.enter_context(_open(Path(path)))
        try:
            yield stream
        except DataError as error:
            raise DataError(f"{path}: {error}") from error


def _stdin() -> BinaryIO:
    if sys.stdin.buffer.isatty():
        raise UsageError("stdin is a terminal; name a file, or send one through a pipe")
    return sys.stdin.buffer


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"{path}: is a folder; name a file") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error

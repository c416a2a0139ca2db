"""Where an .ecdc file is read from: a path, or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from codectool.errors import FileError, UsageError


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file, or for `-` standard input, to read bytes.

    FileError when it is missing, a folder or unreadable, also while it is read; UsageError for a terminal.
    """
    if str(path) == "-":
        if sys.stdin.buffer.isatty():
            raise UsageError("stdin is a terminal; name a file, or send one through a pipe")
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; errors inside the block are the caller's)
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"{path}: is a folder; name a file") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    with file:
        yield file

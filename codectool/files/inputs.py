"""Inputs as bytes: how files and standard input are opened, and what is said when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from codectool.errors import DataError, FileError, UsageError
from codectool.files.streams import standard_input


def open_file(path: Path) -> BinaryIO:
    """Open a file to read bytes; FileError when it is missing, a folder or unreadable."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise FileError(f"{path}: is a folder; name a file") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file, or for `-` standard input, to read bytes.

    FileError when it cannot be opened or read, UsageError for a terminal. A DataError on the way gets the
    name of the file: readers know only bytes.
    """
    with ExitStack() as opened:
        name = "stdin" if str(path) == "-" else str(path)
        stream = standard_input() if str(path) == "-" else opened.enter_context(open_file(Path(path)))
        if stream.isatty():
            raise UsageError(f"{name}: is a terminal; name a file, or send one through a pipe")
        try:
            yield stream
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        except OSError as error:
            if (
                isinstance(error, BrokenPipeError | FileError) or error.filename is not None
            ):  # of another file
                raise
            raise FileError(f"{name}: cannot be read: {error.strerror or error}") from error


def refuse_missing(path: Path) -> None:
    """Raise FileError if nothing is there; opening a pipe to see would take its writer's one reader away."""
    try:
        path.stat()
    except OSError:
        open_file(path).close()  # which says what is wrong


def refuse_same(source: str, target: str) -> None:
    """Raise FileError when the output would replace the input."""
    paths = Path(source), Path(target)
    if "-" not in (source, target) and all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
        raise FileError(f"{target}: is the input itself; name another output")

"""Outputs that never leave half a file under their final name."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from codectool.errors import FileError, UsageError
from codectool.files.streams import as_file_error, flushed, standard_output

NAME_MAX_BYTES = 255  # what nearly every file system allows one name


@contextmanager
def open_atomic(path: str | Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A binary file, seekable, that appears as `path` only when the block ends without an exception.

    Until then it is `.NAME.part` beside it, and any exception removes that; an older `.part` is replaced. A
    file that is overwritten keeps its permissions, and its owner where this process may set it. Devices and
    named pipes are written directly. FileError when `path` exists (without `overwrite`) or cannot be written,
    also from the file's own `write`; BrokenPipeError is let through.
    """
    final = Path(path)
    with as_file_error(final):
        _refuse_unwritable(final, overwrite)
        in_place = final.exists() and not final.is_file()
    if in_place:  # renaming onto a device or a named pipe would replace it
        with _CheckedFile(final, "w", final) as device:
            yield flushed(cast(BinaryIO, device), str(final))
        return
    target = Path(os.path.realpath(final))  # a symbolic link stays one
    part = part_path(target)
    with suppress(OSError):
        part.unlink()
    file = io.BufferedRandom(_CheckedFile(part, "x+", final))
    _take_permissions(file.fileno(), target)
    identity = os.fstat(file.fileno())
    try:
        yield file
        with as_file_error(final):
            file.close()
            if not _is_at(part, identity):
                raise FileError(f"{final}: another process is writing it; try again when that is done")
            _refuse_unwritable(final, overwrite)
            part.replace(target)
    except BaseException:
        with suppress(Exception):  # closing flushes what is buffered, and may fail once more
            file.close()
        if _is_at(part, identity):
            with suppress(OSError):
                part.unlink()
        raise


@contextmanager
def open_output(
    path: str | Path, *, overwrite: bool = False, stdout: BinaryIO | None = None
) -> Iterator[BinaryIO]:
    """Where a command writes: `open_atomic`, or for `-` standard output, flushed at every write.

    UsageError when standard output is a terminal; FileError and BrokenPipeError as `open_atomic`.
    """
    if str(path) != "-":
        with open_atomic(path, overwrite=overwrite) as file:
            yield file
        return
    stream = stdout or standard_output()
    if stream.isatty():
        raise UsageError("stdout is a terminal; send the output to a file or a pipe")
    yield flushed(stream, "stdout")


def make_folder(folder: Path) -> None:
    """Make a folder for outputs, with those it lies in, unless it is there; FileError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{folder}: cannot be made: {error.strerror or error}") from error


def part_path(target: Path) -> Path:
    """The name an unfinished `target` has: `.NAME.part` in the same folder, hashed where that is too long."""
    name = f".{target.name}.part"
    if len(os.fsencode(name)) > NAME_MAX_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.part"
    return target.with_name(name)


class _CheckedFile(io.FileIO):
    """An unbuffered file whose failures are FileErrors naming the output the user asked for."""

    def __init__(self, path: Path, mode: str, shown_as: Path) -> None:
        self._shown_as = shown_as
        with as_file_error(shown_as):
            super().__init__(path, mode)

    def write(self, data: Any) -> int:
        with as_file_error(self._shown_as):
            return super().write(data)


def _take_permissions(descriptor: int, target: Path) -> None:
    """Give a new file the permissions of the one it replaces, before anything is in it."""
    if sys.platform == "win32" or not target.is_file():
        return
    status = target.stat()
    with suppress(OSError):  # only root may give files away
        os.fchown(descriptor, status.st_uid, status.st_gid)
    with suppress(OSError):  # some file systems have no permissions
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o777)


def _is_at(path: Path, identity: os.stat_result) -> bool:
    """Whether `path` is still the file opened, not one that another process has put there."""
    try:
        return os.path.samestat(identity, path.stat())
    except OSError:
        return False


def _refuse_unwritable(final: Path, overwrite: bool) -> None:
    if final.is_dir():
        raise FileError(f"{final}: is a folder; name a file to write")
    if final.is_file() and not overwrite:
        raise FileError(f"{final}: exists already; use `overwrite=True` to overwrite it")

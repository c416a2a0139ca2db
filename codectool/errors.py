"""The errors a user can meet; each kind owns its exit code, and is what Python expects of its kind.

A message says what went wrong, where, and what to do, in one line. Anything else that escapes is a bug.
"""

from __future__ import annotations


class CodecError(Exception):
    """Some work failed; the base of every error codectool raises on purpose."""

    exit_code = 1


class UsageError(CodecError, ValueError):
    """The request itself is impossible: an option, a rate, a combination."""

    exit_code = 2


class DataError(CodecError):
    """The data is damaged, cut, or not what it was taken for."""

    exit_code = 3


class FileError(CodecError, OSError):
    """A file or device could not be read or written."""

    exit_code = 4


class DiskFullError(FileError):
    """There is no room for an output, nor would there be for another one in its place."""


class WeightsError(CodecError):
    """The weights are missing, or are not the ones the stream was made with."""

    exit_code = 5


def message_of(error: Exception, name: str) -> str:
    """Return what an error says to a user, in which `name` is what it is about where it does not say so."""
    if isinstance(error, CodecError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or name}: {error.strerror or error}"
    return f"{name}: {type(error).__name__}: {error}"  # a fault of ours

"""Standard streams, pipes and devices as bytes, with errors that name them."""

from __future__ import annotations

import array
import errno
import io
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from codectool.errors import DiskFullError, FileError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FLUSH_S = 0.3  # after a signal, for what the program before a pipe still has to write


@contextmanager
def as_file_error(name: str | Path) -> Iterator[None]:
    """Raise a FileError naming the output when writing it fails, but not when its reader has gone.

    It is a DiskFullError where there is no room, by the device or by a quota.
    """
    try:
        yield
    except (BrokenPipeError, FileError):  # what is a FileError has said it
        raise
    except OSError as error:
        kind = DiskFullError if error.errno in NO_ROOM else FileError
        raise kind(f"{name}: cannot be written: {error.strerror or error}") from error


def standard_input() -> BinaryIO:
    """Return standard input, ready to give bytes; within `ended_by_signals` a signal is its end."""
    stream = _waiting_in_binary(sys.stdin.buffer)
    if _ending is None or sys.platform == "win32":  # where a pipe cannot be waited for beside another one
        return stream
    return cast(BinaryIO, _EndedStream(stream, _ending))


def standard_output() -> BinaryIO:
    """Return standard output, ready to take bytes."""
    return _waiting_in_binary(sys.stdout.buffer)


class Ending:
    """Whether a signal has come that means the end of standard input, and which."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.came_s = 0.0
        self.woken, self._wakes = os.pipe()  # a read that waits is woken by a byte
        self._before: dict[int, Any] = {}  # handlers

    def come(self, number: int, _: object) -> None:
        """Note the signal; the handlers of before are back, so that a second one interrupts."""
        self.signal_number, self.came_s = number, time.monotonic()
        os.write(self._wakes, b"!")
        self.restore()

    def install(self, numbers: tuple[int, ...]) -> None:
        """Handle these signals, but for those that this process was started to ignore, as by nohup."""
        self._before = {
            number: signal.signal(number, self.come)
            for number in numbers
            if signal.getsignal(number) is not signal.SIG_IGN
        }

    def restore(self) -> None:
        """Put the handlers of before back."""
        while self._before:
            signal.signal(*self._before.popitem())

    def close(self) -> None:
        """Let go of the pipe."""
        self.restore()
        os.close(self.woken)
        os.close(self._wakes)


_ending: Ending | None = None


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Within this, SIGINT, SIGTERM and SIGHUP end standard input instead of the process.

    Only for the main thread; a second signal does what it did before. On Windows all do.
    """
    global _ending  # one process has one standard input, and one set of handlers
    ending = Ending()
    _ending = ending
    try:
        if sys.platform != "win32":
            ending.install((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        yield ending
    finally:
        _ending = None
        ending.close()


class _EndedStream(io.RawIOBase):
    """Standard input, which ends soon after a signal has come: with what a pipe then holds.

    Ctrl-C also reaches the program before the pipe, which has a moment to write what it still holds.
    """

    def __init__(self, stream: BinaryIO, ending: Ending) -> None:
        self._stream = stream
        self._ending = ending
        self._held_bytes: int | None = None  # in the pipe, when it was first seen that a signal has come

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def read1(self, count: int = -1) -> bytes:
        if not self._has_more():
            return b""
        data = os.read(self.fileno(), count if count >= 0 else io.DEFAULT_BUFFER_SIZE)
        if self._held_bytes is not None:
            self._held_bytes -= len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _has_more(self) -> bool:
        """Wait for data or the end of the stream; return False when a signal has ended it."""
        ending, descriptor = self._ending, self.fileno()
        if ending.signal_number is None:
            ready, _, _ = select.select([descriptor, ending.woken], [], [])
            if descriptor in ready:
                return True
        if self._held_bytes is None:
            self._held_bytes = _held_bytes(descriptor)
        left_s = max(0.0, ending.came_s + FLUSH_S - time.monotonic())
        may_read = left_s > 0 or self._held_bytes > 0
        return may_read and bool(select.select([descriptor], [], [], left_s)[0])


def _held_bytes(descriptor: int) -> int:
    """Return how many bytes a pipe or socket holds; 0 for a file, which would hold all that is left."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return 0
    import fcntl  # not on Windows
    import termios

    count = array.array("i", [0])
    with suppress(OSError):
        fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


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

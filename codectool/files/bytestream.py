"""Bytes read forwards only, from a file or a pipe, as soon as they come."""

from __future__ import annotations

from typing import BinaryIO

from codectool.errors import FileError

PIECE_BYTES = 1 << 20  # the most one read may ask for, whatever a header claims


class ByteStream:
    """Reads a binary file or pipe forwards.

    `size_bytes` is the whole length, None where it is not known (a pipe); `position` counts what was taken.
    Reading raises FileError when the device fails.
    """

    def __init__(self, file: BinaryIO, name: str, size_bytes: int | None = None) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.position = 0
        self._file = file
        self._read_once = getattr(
            file, "read1", file.read
        )  # read1 gives what a pipe has, without waiting for more
        self._peeked = b""

    def read_some(self, count: int) -> bytes:
        """1 to `count` bytes, as many as are there at once; none only at the end."""
        if self._peeked:
            data, self._peeked = self._peeked[:count], self._peeked[count:]
        else:
            data = self._read(count)
        self.position += len(data)
        return data

    def read_fully(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end."""
        data = bytearray()
        while len(data) < count and (piece := self.read_some(count - len(data))):
            data += piece
        return bytes(data)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes, or all that are left."""
        while count > 0 and (piece := self.read_some(count)):
            count -= len(piece)

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end, without taking them."""
        while len(self._peeked) < count and (piece := self._read(count - len(self._peeked))):
            self._peeked += piece
        return self._peeked[:count]

    def _read(self, count: int) -> bytes:
        try:
            data: bytes | None = self._read_once(min(count, PIECE_BYTES))
        except OSError as error:
            raise FileError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        return data or b""

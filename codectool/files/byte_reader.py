"""The bytes of a file or pipe, read forwards only, with a look at those to come."""

from __future__ import annotations

import io
from typing import BinaryIO

from codectool.errors import FileError

CHUNK_BYTES = 64 * 1024  # read ahead at once from streams that give what they have
PIECE_BYTES = 1 << 20  # the most that one read asks for, whatever a header claims


class ByteReader:
    """Reads a binary file or pipe forwards, and never waits for more bytes than were asked for.

    Streams that give what is there (`read1`, raw files) are asked for a chunk, others for exactly what is
    missing. With a `name`, a device that fails is a FileError that says it; without one, the stream's own
    OSError passes through.

    Attributes:
        name: what messages call the input; may be empty.
        size_bytes: length of the whole input; None where it is not known, as of a pipe.
        ahead: bytes that were read from the stream and not taken yet.
        position: how many bytes were taken, which is the offset of the first byte ahead.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str = "",
        size_bytes: int | None = None,
        *,
        ahead: bytes = b"",
        position: int = 0,
    ) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.ahead = bytearray(ahead)
        self.position = position
        self._read_once = getattr(stream, "read1", stream.read)
        self._gives_what_is_there = hasattr(stream, "read1") or isinstance(stream, io.RawIOBase)

    def fill(self, count: int) -> bool:
        """Hold at least `count` bytes ahead; return False if the stream ends before."""
        while len(self.ahead) < count:
            missing = count - len(self.ahead)
            piece = self._read(CHUNK_BYTES if self._gives_what_is_there else missing)
            if not piece:
                return False
            self.ahead += piece
        return True

    def peek(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer only at the end, without taking them."""
        self.fill(count)
        return bytes(self.ahead[:count])

    def read_some(self, count: int) -> bytes:
        """Take 1 to `count` bytes, as many as are there at once; none only at the end."""
        if not self.ahead:
            data = self._read(count)
        else:
            data = bytes(self.ahead[:count])
            del self.ahead[:count]
        self.position += len(data)
        return data

    def read_fully(self, count: int) -> bytes:
        """Take `count` bytes, fewer only at the end."""
        data = bytearray()
        while len(data) < count and (piece := self.read_some(count - len(data))):
            data += piece
        return bytes(data)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes, or all that are left."""
        while count > 0 and (piece := self.read_some(count)):
            count -= len(piece)

    def skip_to_next(self, mark: bytes) -> None:
        """Pass over the next byte and those held after it that cannot begin `mark`."""
        found = self.ahead.find(mark, 1)
        if found < 0:
            found = len(self.ahead) - (1 if len(self.ahead) > 1 and self.ahead[-1] == mark[0] else 0)
        self.skip(found)

    def _read(self, count: int) -> bytes:
        try:
            data: bytes | None = self._read_once(min(count, PIECE_BYTES))
        except OSError as error:
            if not self.name:
                raise
            raise FileError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        return data or b""

"""A look-ahead on the bytes of a stream that may be a live pipe."""

from __future__ import annotations

import io
from typing import BinaryIO

CHUNK_BYTES = 64 * 1024  # asked for at once from streams that give what they have


def read_up_to(stream: BinaryIO, count: int) -> bytes:
    """Return the next `count` bytes, fewer only at the end of the stream."""
    data = b""
    while len(data) < count:
        piece = stream.read(count - len(data))
        if not piece:
            break
        data += piece
    return data


class ByteSource:
    """The bytes of a stream from `position` on, of which as many are held as the reader asked to see.

    It never waits for more than was asked for: streams that can give what is there (`read1`, raw files) are
    asked for a chunk, others for exactly what is missing.

    Attributes:
        ahead: bytes read from the stream and not skipped yet.
        position: offset of the first of them in the file.
    """

    def __init__(self, stream: BinaryIO, position: int) -> None:
        self.ahead = bytearray()
        self.position = position
        self._read = getattr(stream, "read1", stream.read)
        self._gives_what_is_there = hasattr(stream, "read1") or isinstance(stream, io.RawIOBase)

    def fill(self, count: int) -> bool:
        """Hold at least `count` bytes ahead; return False if the stream ends before."""
        while len(self.ahead) < count:
            piece = self._read(CHUNK_BYTES if self._gives_what_is_there else count - len(self.ahead))
            if not piece:
                return False
            self.ahead += piece
        return True

    def skip(self, count: int) -> None:
        """Drop the next `count` bytes, which are held."""
        del self.ahead[:count]
        self.position += count

    def skip_to_next(self, mark: bytes) -> None:
        """Drop the next byte and those held after it that cannot begin `mark`."""
        found = self.ahead.find(mark, 1)
        if found < 0:
            found = len(self.ahead) - (1 if len(self.ahead) > 1 and self.ahead[-1] == mark[0] else 0)
        self.skip(found)

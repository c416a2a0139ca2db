"""One reader of bytes: as soon as they come, no byte lost between looking and taking, errors named."""

from __future__ import annotations

import io

import pytest

from codectool.errors import FileError
from codectool.files.byte_reader import ByteReader


class Piecewise(io.RawIOBase):
    """A pipe that gives one piece a read, and fails after the last."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def readable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        if not self._pieces:
            raise OSError("the cable is out")
        piece = self._pieces.pop(0)
        if len(piece) > count:
            self._pieces.insert(0, piece[count:])
        return piece[:count]


class Exact:
    """A stream that waits until all it was asked for is there: it must not be asked for more."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def read(self, count: int) -> bytes:
        assert count <= len(self.left), "this would wait for ever"
        data, self.left = self.left[:count], self.left[count:]
        return data


def test_what_was_looked_at_is_taken_next() -> None:
    reader = ByteReader(Piecewise(b"abc", b"defg", b"h"))
    assert reader.peek(2) == b"ab"
    assert reader.position == 0
    assert reader.read_fully(5) == b"abcde"
    assert reader.position == 5
    assert reader.read_some(1) == b"f"
    assert reader.read_some(9) == b"g"
    assert reader.read_some(9) == b"h"
    assert reader.position == 8


def test_skipping_goes_beyond_what_is_held() -> None:
    reader = ByteReader(io.BytesIO(b"0123456789"))
    reader.peek(3)
    reader.skip(7)
    assert (reader.position, reader.read_fully(99)) == (7, b"789")
    reader.skip(5)
    assert (reader.position, reader.fill(1)) == (10, False)


def test_no_more_is_waited_for_than_was_asked_for() -> None:
    reader = ByteReader(Exact(b"0123456789"))  # type: ignore[arg-type]
    assert reader.peek(4) == b"0123"
    assert reader.fill(5)
    assert reader.read_fully(10) == b"0123456789"


def test_a_failing_device_is_named_where_a_name_is_known() -> None:
    with pytest.raises(FileError, match=r"^tape\.wav: cannot be read: the cable is out$"):
        ByteReader(Piecewise(), "tape.wav").peek(1)
    with pytest.raises(OSError, match=r"^the cable is out$") as raised:
        ByteReader(Piecewise()).peek(1)
    assert not isinstance(raised.value, FileError)

from __future__ import annotations

import io

import numpy as np
import pytest

from codectool.container import Reader, codes_of, trim
from codectool.errors import DataError, UsageError

from .samples import Pipe, make_codes, make_file, make_header


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("frames", [0, 1, 75, 76, 200])
@pytest.mark.parametrize("levels", [1, 5, 8])
def test_trim_gives_what_the_writer_would(streams: int, frames: int, levels: int) -> None:
    header = make_header(levels=8, streams=streams, extension=b"later")
    codes = make_codes(header, frames)
    target = io.BytesIO()
    size = trim(Reader(Pipe(make_file(header, codes, {"title": "A"}), 100)), target, levels)
    fewer = make_header(levels=levels, streams=streams, extension=b"later")
    assert target.getvalue() == make_file(fewer, codes[:, :levels], {"title": "A"})
    assert size == len(target.getvalue())


@pytest.mark.parametrize("levels", [0, 9])
def test_trim_keeps_one_to_all_levels(levels: int) -> None:
    header = make_header(levels=8)
    with pytest.raises(UsageError, match="the file has 8"):
        trim(Reader(io.BytesIO(make_file(header, make_codes(header, 10)))), io.BytesIO(), levels)


@pytest.mark.parametrize("frames", [0, 1, 75, 76, 200])
def test_codes_of(frames: int) -> None:
    header = make_header(levels=3, streams=2, bits_per_code=15)
    codes = make_codes(header, frames)
    back = codes_of(Reader(io.BytesIO(make_file(header, codes))))
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, codes)


def test_codes_of_16_bits_do_not_fit() -> None:
    header = make_header(bits_per_code=16)
    with pytest.raises(UsageError, match="int16"):
        codes_of(Reader(io.BytesIO(make_file(header, make_codes(header, 1)))))


def test_damage_ends_both() -> None:
    header = make_header(levels=8)
    data = make_file(header, make_codes(header, 200))
    for wrong in (data[:-1], data + b"\0", data[:500] + b"!" + data[501:], b"RIFF", b""):
        with pytest.raises(DataError):
            codes_of(Reader(io.BytesIO(wrong)))
        with pytest.raises(DataError):
            trim(Reader(io.BytesIO(wrong)), io.BytesIO(), 4)

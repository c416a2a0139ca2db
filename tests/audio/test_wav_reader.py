from __future__ import annotations

import io
import struct

import pytest

from codectool.audio.wav_reader import read_tags_after_data, read_wav_header
from codectool.errors import CodecError, DataError
from codectool.files.byte_reader import ByteReader
from tests.audio import fuzz_wav

UNKNOWN_SIZES = [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFF000 - 1, 0x7FFFFFFE, 0x80000000]


def header_of(data, is_file):
    stream = ByteReader(io.BytesIO(data), "in.wav", len(data) if is_file else None)
    return read_wav_header(stream), stream


def info_list(**tags):
    ids = {"title": b"INAM", "artist": b"IART", "date": b"ICRD", "comment": b"ICMT"}
    body = b"INFO"
    for tag, value in tags.items():
        body += ids[tag] + struct.pack("<I", len(value)) + value + b"\0" * (len(value) % 2)
    return b"LIST" + struct.pack("<I", len(body)) + body


def rf64(samples, riff_bytes, data_bytes, *, riff_id=b"RF64"):
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    ds64 = struct.pack("<QQQI", riff_bytes, data_bytes, data_bytes // 2, 0)
    return (
        riff_id
        + struct.pack("<I4s4sI", 0xFFFFFFFF, b"WAVE", b"ds64", len(ds64))
        + ds64
        + struct.pack("<4sI", b"fmt ", len(fmt))
        + fmt
        + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        + samples
    )


@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize(("tag", "bits"), [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)])
def test_plain_header(tag, bits, is_file, wav_bytes):
    data = wav_bytes(bytes(bits // 8 * 3 * 5), tag=tag, bits=bits, channels=3, rate_hz=11025)
    header, stream = header_of(data, is_file)
    assert (header.rate_hz, header.channels, header.data_bytes) == (11025, 3, bits // 8 * 15)
    assert header.coding is not None
    assert header.coding.bits == bits
    assert header.coding.kind == ("float" if tag == 3 else "unsigned" if bits == 8 else "signed")
    assert stream.position == 44


def test_twelve_bits_lie_in_the_upper_ones_of_sixteen():
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 12)
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + fmt + b"data\2\0\0\0\0\0"
    header, _ = header_of(data, is_file=False)
    assert header.coding is not None
    assert header.coding.bits == 16


def test_extensible_header():
    fmt = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 48000, 48000 * 6, 6, 24, 22, 24, 3, 1)
    fmt += bytes.fromhex("000000001000800000aa00389b71")
    data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data\6\0\0\0" + bytes(6)
    header, _ = header_of(data, is_file=False)
    assert header.coding is not None
    assert (header.coding.kind, header.coding.bits) == ("signed", 24)


@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize("riff_bytes", [0, 0xFFFFFFFF, 0x7FFFF024, 36])
@pytest.mark.parametrize("size", UNKNOWN_SIZES)
def test_sizes_that_were_never_filled_in_mean_to_the_end(size, riff_bytes, is_file, wav_bytes):
    header, _ = header_of(wav_bytes(bytes(1000), riff_bytes=riff_bytes, data_bytes=size), is_file)
    assert header.data_bytes is None


@pytest.mark.parametrize("is_file", [True, False])
def test_a_whole_size_is_believed_where_that_of_the_samples_is_missing(is_file, wav_bytes):
    """Its writer knew how long the file is, and never filled in how much of it are samples."""
    samples = b"\x80\xff" * 500  # not the name of a chunk
    header, _ = header_of(wav_bytes(samples, data_bytes=0), is_file)
    assert header.data_bytes == 1000
    header, _ = header_of(wav_bytes(b"", data_bytes=0), is_file)
    assert not header.data_bytes  # none, or as many as come


def test_empty_wav_with_tags_behind_is_empty(wav_bytes):
    data = wav_bytes(b"", after=info_list(title=b"nothing"))
    for is_file in (True, False):
        header, stream = header_of(data, is_file)
        assert header.data_bytes == 0
        read_tags_after_data(stream, header)
        assert header.tags == {"title": "nothing"}


@pytest.mark.parametrize("claimed", [0x7FFFF000, 0x90000000, 0xFFFFFF00])
def test_huge_sizes_are_believed_when_the_file_is_as_long_as_it_says(claimed, wav_bytes):
    head = wav_bytes(b"", riff_bytes=claimed + 36, data_bytes=claimed)
    header = read_wav_header(ByteReader(io.BytesIO(head), "in.wav", len(head) + claimed))
    assert header.data_bytes == claimed


@pytest.mark.parametrize("riff_id", [b"RF64", b"BW64"])
def test_rf64(riff_id):
    data = rf64(bytes(100), 172, 100, riff_id=riff_id)
    for is_file in (True, False):
        assert header_of(data, is_file)[0].data_bytes == 100
    assert header_of(rf64(b"", 5 << 32, (5 << 32) - 72), is_file=False)[0].data_bytes == (5 << 32) - 72


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, (1 << 64) - 1])
def test_rf64_without_sizes(claimed):
    for is_file in (True, False):
        assert header_of(rf64(bytes(100), claimed, claimed), is_file)[0].data_bytes is None


def test_tags_before_and_after_the_samples(wav_bytes):
    data = wav_bytes(
        bytes(3),
        bits=8,
        before=info_list(title=b"A title\0", artist="Zoë".encode("latin-1")),
        after=b"junk\3\0\0\0abc\0" + info_list(date=b"2020", comment=b"two\nlines \x1b[2J and more"),
    )
    for is_file in (True, False):
        header, stream = header_of(data, is_file)
        assert header.tags == {"title": "A title", "artist": "Zoë"}
        stream.skip(3)
        read_tags_after_data(stream, header)
        assert header.tags["date"] == "2020"
        assert header.tags["comment"] == "two lines [2J and more"


def test_other_codings_are_handed_on_with_an_opening(wav_bytes):
    data = wav_bytes(bytes(10), tag=6, bits=8)  # A-law
    header, stream = header_of(data, is_file=False)
    assert header.coding is None
    again = header.opening + stream.read_fully(1 << 16)
    assert again[8:] == data[8:]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"RIFF\0\0\0\0WAVE", "ends within"),
        (b"RIFF\0\0\0\0WAVEfmt ", "ends within"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0", "ends within"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff\1\0", "format chunk of 4294967295"),
        (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0", "format chunk of 4 "),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\1\0\1\0", "without a format"),
        (b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\xffINFO", "ends within"),
        (b"RIFF\0\0\0\0WAVE" + bytes(8 * 2000), "chunks before"),
    ],
)
def test_broken_headers_are_data_errors(data, complaint):
    for is_file in (True, False):
        with pytest.raises(DataError, match=f"in.wav.*{complaint}"):
            header_of(data, is_file)


@pytest.mark.parametrize(("rate_hz", "channels"), [(0, 1), (0xFFFFFFFF, 1), (8000, 0), (8000, 0xFFFF)])
def test_impossible_rate_and_channels_are_data_errors(rate_hz, channels):
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, 0, 2 * channels & 0xFFFF, 16)
    with pytest.raises(DataError, match="possible"):
        header_of(b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + fmt + b"data\0\0\0\0", is_file=False)


def test_no_input_makes_it_fail_but_in_the_agreed_way():
    fuzz_wav.fuzz(count=400, seed=1)


def test_every_cut_of_a_header_is_handled(wav_bytes):
    data = wav_bytes(bytes(4), before=info_list(title=b"cut"))
    for length in range(12, len(data) - 4):
        with pytest.raises(CodecError):
            header_of(data[:length], is_file=True)

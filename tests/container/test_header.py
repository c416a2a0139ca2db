from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest

from codectool.container import Audio, Gap, Header, Reader, open_reader, read_header, scan
from codectool.errors import DataError, UsageError
from codectool.files.byte_reader import ByteReader

from .samples import Pipe, make_codes, make_file, make_header

HEADERS = [
    make_header(),
    make_header(model="a"),
    make_header(model="a" * 31, streams=8, levels=32, bits_per_code=16, frames_per_packet=127),
    make_header(original_rate_hz=768_000, original_channels=255, hop_samples=65535, fingerprint=b"\xff" * 8),
    make_header(extension=b"later", frames_per_packet=1, original_rate_hz=1),
]


def seal(body: bytes) -> bytes:
    return body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("header", HEADERS)
def test_round_trip_through_a_pipe_a_byte_at_a_time(header: Header) -> None:
    data = header.to_bytes()
    assert len(data) == header.size_bytes == data[5]
    pipe = Pipe(data + b"rest")
    source = ByteReader(pipe)
    assert read_header(source) == header
    assert (source.position, source.read_fully(9)) == (len(data), b"rest")


@pytest.mark.parametrize(
    "change",
    [
        {"model": ""},
        {"model": "../base"},
        {"model": ".base"},
        {"model": "a" * 32},
        {"model": "naïve"},
        {"model": "base\n"},
        {"fingerprint": b"short"},
        {"levels": 0},
        {"levels": 256},
        {"streams": 0},
        {"bits_per_code": 17},
        {"hop_samples": 65536},
        {"model_rate_hz": 0},
        {"original_rate_hz": 768_001},
        {"original_channels": 256},
        {"frames_per_packet": 65536},
        {"streams": 255, "levels": 255},
        {"extension": bytes(217)},
    ],
)
def test_an_impossible_header_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_header(**change)


def test_nominal_rate() -> None:
    assert make_header(levels=8).nominal_bps == 6000
    assert make_header(levels=4, streams=2).nominal_bps == 6000


@pytest.mark.parametrize("bit", range(8 * make_header().size_bytes))
def test_every_flipped_bit_is_found(bit: int) -> None:
    data = bytearray(make_header().to_bytes())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DataError):
        read_header(ByteReader(io.BytesIO(data + bytes(300))))


@pytest.mark.parametrize("bit", range(8 * make_header().size_bytes))
def test_every_flipped_bit_is_put_right_and_reported(bit: int) -> None:
    header = make_header()
    data = bytearray(make_file(header, make_codes(header, 100)))
    data[bit // 8] ^= 1 << bit % 8
    summary = scan(io.BytesIO(data))
    assert (summary.header, summary.frames, summary.complete) == (header, 100, False)
    (gap,) = summary.gaps
    assert (gap.frames, gap.reason) == (0, f"a bit of the file header was flipped, at byte {bit // 8}")


@pytest.mark.parametrize("seed", range(200))
def test_more_flipped_bits_are_never_put_right_to_something_else(seed: int) -> None:
    header, chance = make_header(), random.Random(seed)
    data = bytearray(make_file(header, make_codes(header, 10)))
    for bit in chance.sample(range(8 * header.size_bytes), chance.choice([2, 3])):
        data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DataError):
        scan(io.BytesIO(data))


@pytest.mark.parametrize("count", [1, 70, 65_536])
def test_foreign_bytes_before_the_header_are_passed_over(count: int) -> None:
    header = make_header()
    codes = make_codes(header, 300)
    foreign = (b"ECDC\1 not a header " * 4000)[:count]
    stream = io.BytesIO(foreign + make_file(header, codes))
    reader = open_reader(stream)
    assert isinstance(reader, Reader)
    first, *rest = reader
    assert first == Gap(0, 0, f"{count} foreign bytes stand before the file header")
    assert sum(event.codes.shape[2] for event in rest if isinstance(event, Audio)) == 300
    reader.seek(200)
    (audio, *_) = reader
    assert isinstance(audio, Audio)
    np.testing.assert_array_equal(audio.codes, codes[:, :, audio.first_frame :][:, :, : audio.codes.shape[2]])


def test_foreign_bytes_beyond_the_limit_are_foreign_data() -> None:
    with pytest.raises(DataError, match=r"not an \.ecdc file"):
        open_reader(io.BytesIO(bytes(65_537) + make_file(make_header(), make_codes(make_header(), 3))))


def test_the_header_of_another_file_reads_what_is_alike_only() -> None:
    header = make_header()
    data = bytearray(make_file(header, make_codes(header, 100)))
    data[: header.size_bytes] = bytes(header.size_bytes)
    summary = scan(io.BytesIO(data), header)
    assert (summary.frames, summary.complete) == (100, False)
    assert summary.gaps[0].frames == 0
    other = scan(io.BytesIO(data), make_header(original_rate_hz=8000))
    assert (other.frames, other.packets) == (0, 0)


def test_every_cut_is_found() -> None:
    data = make_header().to_bytes()
    for end in range(len(data)):
        with pytest.raises(DataError, match=r"empty|ends inside its header|not an \.ecdc file"):
            read_header(ByteReader(io.BytesIO(data[:end])))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "empty"),
        (b"RIFF$\0\0\0WAVEfmt ", "not an .ecdc file: it looks like a WAV file"),
        (b"fLaC\0\0\0\x22", "not an .ecdc file: it looks like a FLAC file"),
        (b"OggS\0\2", "not an .ecdc file: it looks like an Ogg file"),
        (b"\x89PNG\r\n", "not an .ecdc file: it starts with 89 50 4e 47"),
        (b"ECD", "not an .ecdc file"),
        (b"ECDC\0\0\0\0\x10{", "EnCodec's own layout"),
        (b"ECDC\2\x30", "version 2, not 1"),
        (b"ECDC\1\0", "header is damaged"),
        (b"ECDC\1\xff" + bytes(300), "header is damaged"),
    ],
)
def test_foreign_data_is_named(start: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message.replace(".", r"\.")):
        read_header(ByteReader(io.BytesIO(start)))


def test_unknown_flags_are_refused_with_their_value() -> None:
    body = bytearray(make_header().to_bytes()[:-4])
    body[6] = 0x41
    with pytest.raises(DataError, match=r"flags 0x41.*update codectool"):
        read_header(ByteReader(io.BytesIO(seal(bytes(body)))))


@pytest.mark.parametrize(
    ("offset", "value"),
    [(21, 0), (21, 17), (22, 0), (23, 0), (28, 0), (31, 0), (31, 4), (32, 0xC3), (32, 0x2E)],
)
def test_an_impossible_field_with_a_good_checksum_is_refused(offset: int, value: int) -> None:
    body = bytearray(make_header().to_bytes()[:-4])
    body[offset] = value
    with pytest.raises(DataError, match="file header is"):
        read_header(ByteReader(io.BytesIO(seal(bytes(body)))))


def test_an_unknown_extension_is_kept() -> None:
    header = make_header(extension=b"\x00\x01later")
    again = read_header(ByteReader(io.BytesIO(header.to_bytes())))
    assert again.extension == b"\x00\x01later"
    assert again.to_bytes() == header.to_bytes()

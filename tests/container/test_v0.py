"""Version 0: files come back, from pipes too; damage is found as far as it can be, hostile headers always."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from codectool.container import Audio, Gap, HeaderV0, ReaderV0, WriterV0, codes_of, open_reader, scan, trim
from codectool.errors import DataError, FileError, UsageError, WeightsError

from .samples import Pipe, gaps_of
from .samples_v0 import ToyPredictor, header_bytes_of, make_codes_v0, make_file_v0, make_scales

TOY = ToyPredictor()
MONO, STEREO = "encodec_24khz", "encodec_48khz"
HEADERS = [
    HeaderV0(MONO, samples, levels)
    for samples, levels in [
        (0, 1),
        (1, 3),
        (319, 1),
        (320, 1),
        (321, 32),
        (6_720, 2),
        (96_323, 5),
        (200_007, 3),
    ]
] + [
    HeaderV0(STEREO, samples, levels)
    for samples, levels in [(0, 1), (1, 1), (47_520, 2), (47_521, 3), (47_999, 5), (48_001, 4), (150_000, 16)]
]


def coded(header: HeaderV0) -> HeaderV0:
    """Return the same with the codes entropy-coded."""
    return HeaderV0(header.model, header.total_samples, header.levels, language_model=True)


def read(data: bytes) -> tuple[ReaderV0, npt.NDArray[np.uint16]]:
    """Read a file to its end; check that the events follow each other; return the codes that are there."""
    reader = open_reader(io.BytesIO(data), lambda _: TOY)
    assert isinstance(reader, ReaderV0)
    pieces, position = [np.zeros((1, reader.header.levels, 0), np.uint16)], 0
    events = list(reader)
    for event in events:
        assert event.first_frame == position
        if isinstance(event, Audio):
            pieces.append(event.codes)
        position += event.codes.shape[2] if isinstance(event, Audio) else event.frames or 0
    assert reader.gaps == gaps_of(events)
    assert reader.complete == (not reader.gaps)
    return reader, np.concatenate(pieces, axis=2)


@pytest.mark.parametrize("toy", [None, TOY])
@pytest.mark.parametrize("header", HEADERS)
def test_files_come_back_from_any_pieces_and_pipes(header: HeaderV0, toy: ToyPredictor | None) -> None:
    segments = make_codes_v0(header)
    data = make_file_v0(header, segments, push=7, predictor=toy)
    assert data == make_file_v0(header, segments, predictor=toy)
    for stream in (io.BytesIO(data), Pipe(data)):
        reader = open_reader(stream, lambda _: TOY)
        events = [event for event in reader if isinstance(event, Audio)]
        assert reader.header == (coded(header) if toy else header)
        assert reader.complete
        assert (reader.total_samples, reader.bytes_read) == (header.total_samples, len(data))
        codes = np.concatenate([np.zeros((1, header.levels, 0)), *(event.codes for event in events)], axis=2)
        expected = np.concatenate([np.zeros((1, header.levels, 0)), *segments], axis=2)
        np.testing.assert_array_equal(codes, expected)
        if header.scaled:
            assert [event.scale for event in events] == make_scales(header)
        else:
            assert all(event.scale is None for event in events)


def test_the_bytes_are_encodecs() -> None:
    codes = np.array([[[1, 1023], [512, 0], [2, 341]]])
    stream = io.BytesIO()
    writer = WriterV0(stream, MONO, 3)
    writer.write_codes(codes)
    writer.finish(400)
    text = b'{"m": "encodec_24khz", "al": 400, "nc": 3, "lm": false}'
    number = sum(code << 10 * place for place, code in enumerate([1, 512, 2, 1023, 0, 341]))
    assert stream.getvalue() == b"ECDC\0\0\0\0" + bytes([len(text)]) + text + number.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(0, []), (1, [1]), (47_520, [149]), (47_521, [149, 1]), (48_000, [150, 2]), (95_041, [150, 149, 1])],
)
def test_segments_of_the_48_khz_model(samples: int, frames: list[int]) -> None:
    assert list(HeaderV0(STEREO, samples, 2).segments()) == frames


@pytest.mark.parametrize("toy", [None, TOY])
@pytest.mark.parametrize("header", [HeaderV0(MONO, 5_000, 3), HeaderV0(STEREO, 47_525, 1)])
def test_a_file_cut_anywhere_gives_all_before_the_cut(header: HeaderV0, toy: ToyPredictor | None) -> None:
    segments = make_codes_v0(header)
    whole = np.concatenate(segments, axis=2)
    data = make_file_v0(header, segments, predictor=toy)
    header_bytes = header_bytes_of(data)
    for end in range(header_bytes):
        with pytest.raises(DataError, match=r"ends inside its header|not an|empty"):
            open_reader(io.BytesIO(data[:end]))
    for end in range(header_bytes, len(data)):
        reader, codes = read(data[:end])
        np.testing.assert_array_equal(codes, whole[:, :, : codes.shape[2]])
        assert reader.gaps == [Gap(codes.shape[2], None, f"the file ends at byte {end}")]
        assert reader.total_samples is None
        cost_bits = 10 * header.levels if toy is None else 16 * header.levels
        assert codes.shape[2] >= (8 * (end - header_bytes) - 8 * 8 - 24) // cost_bits - 1


@pytest.mark.parametrize("toy", [None, TOY])
def test_bytes_that_do_not_belong_are_found(toy: ToyPredictor | None) -> None:
    for header in (HeaderV0(MONO, 10_000, 3), HeaderV0(STEREO, 50_000, 2), HeaderV0(MONO, 0, 1)):
        segments = make_codes_v0(header)
        data = make_file_v0(header, segments, predictor=toy)
        reader, codes = read(data + b"\0")
        assert codes.shape[2] == sum(header.segments())
        assert reader.total_samples == header.total_samples
        assert reader.gaps == [Gap(codes.shape[2], 0, f"foreign bytes follow from byte {len(data)} on")]


def test_bits_that_fill_a_byte_must_be_zero() -> None:
    header = HeaderV0(MONO, 320, 1)
    data = make_file_v0(header, make_codes_v0(header))
    reader, codes = read(data[:-1] + bytes([data[-1] | 0x80]))
    assert codes.shape[2] == 1
    assert [gap.frames for gap in reader.gaps] == [0]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), -float("inf")])
def test_a_segment_with_an_impossible_scale_is_lost_alone(scale: float) -> None:
    header = HeaderV0(STEREO, 140_000, 4)
    data = bytearray(make_file_v0(header, make_codes_v0(header)))
    place = header_bytes_of(data) + 4 + 150 * 4 * 10 // 8
    data[place : place + 4] = struct.pack(">f", scale)
    reader, codes = read(bytes(data))
    assert reader.gaps == [Gap(150, 150, f"the scale of a segment is {scale}")]
    assert codes.shape[2] == sum(header.segments()) - 150


def test_damaged_bits_of_a_language_model_give_frames_or_end_the_file() -> None:
    header = HeaderV0(MONO, 20_000, 2)
    segments = make_codes_v0(header)
    data = make_file_v0(header, segments, predictor=TOY)
    start = header_bytes_of(data)
    for place in range(start, len(data)):
        _, codes = read(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        before = max(0, 8 * (place - start) - 24) // (17 * header.levels)  # no code costs 17 bits
        np.testing.assert_array_equal(codes[:, :, :before], segments[0][:, :, :before])


HOSTILE: list[Any] = [
    b"",
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 1000,
    b'{"m":' * 200,
    b"1" * 1000,
    b"NaN",
    b'{"m": "encodec_24khz", "al": 10, "nc": 2, "lm": false} x',
    {"m": None},
    {"m": "encodec_32khz"},
    {"m": "base_24khz"},
    {"m": "../encodec_24khz"},
    {"m": "\x1b[2J"},
    {"m": ["encodec_24khz"]},
    {"al": None},
    {"al": "10"},
    {"al": 10.0},
    {"al": float("nan")},
    {"al": float("inf")},
    {"al": True},
    {"al": -1},
    {"al": 2**40 + 1},
    {"al": 10**900},
    {"nc": None},
    {"nc": 0},
    {"nc": -1},
    {"nc": 33},
    {"nc": 2.0},
    {"nc": True},
    {"nc": 10**900},
    {"lm": None},
    {"lm": 0},
    {"lm": "false"},
    {"lm": {}},
    {"m": "encodec_48khz", "nc": 17},
]


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_headers_are_refused(change: dict[str, Any] | bytes) -> None:
    if isinstance(change, dict):
        fields = {"m": MONO, "al": 10, "nc": 2, "lm": False} | change
        change = json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
    data = b"ECDC\0" + struct.pack(">I", len(change)) + change
    with pytest.raises(DataError) as caught:
        open_reader(io.BytesIO(data + bytes(100)))
    assert str(caught.value).isprintable()


def test_fields_that_encodec_passes_over_are_passed_over() -> None:
    text = b' {"x": [{}], "lm": false, "nc": 1, "al": 320, "m": "encodec_24khz"}\n'
    reader, codes = read(b"ECDC\0" + struct.pack(">I", len(text)) + text + b"\1\2")
    assert (reader.complete, codes.tolist()) == (True, [[[513]]])


@pytest.mark.parametrize("length", [1025, 2**32 - 1])
def test_a_claimed_length_takes_no_memory(length: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="claimed"):
            open_reader(io.BytesIO(b"ECDC\0" + struct.pack(">I", length) + b" " * 5000))
        reader, codes = read(HeaderV0(STEREO, 2**40, 16).to_bytes() + bytes(1000))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert codes.shape[2] == 0  # the scale is 0
    assert reader.gaps[-1].frames is None


def test_without_the_language_model_no_code_is_given() -> None:
    header = HeaderV0(MONO, 5_000, 2)
    data = make_file_v0(header, make_codes_v0(header), predictor=TOY)
    with pytest.raises(WeightsError, match="language model"):
        list(open_reader(io.BytesIO(data)))
    summary = scan(Pipe(data))
    assert (summary.header, summary.size_bytes) == (coded(header), len(data))
    assert (summary.frames, summary.complete, summary.duration_s) == (None, None, 5_000 / 24_000)


@pytest.mark.parametrize("header", HEADERS)
def test_summary_trim_and_codes(header: HeaderV0) -> None:
    segments = make_codes_v0(header)
    data = make_file_v0(header, segments)
    summary = scan(io.BytesIO(data))
    assert (summary.frames, summary.complete) == (sum(header.segments()), True)
    assert summary.facts()["weights"] is None
    target = io.BytesIO()
    size = trim(open_reader(io.BytesIO(data)), target, 1)
    fewer = HeaderV0(header.model, header.total_samples, 1)
    assert target.getvalue() == make_file_v0(fewer, [codes[:, :1] for codes in segments])
    assert size == len(target.getvalue())
    codes = codes_of(open_reader(io.BytesIO(data)))
    assert codes.shape == (1, header.levels, summary.frames)
    with pytest.raises(DataError):
        codes_of(open_reader(io.BytesIO(data + b"\0")))


def test_the_writer_refuses_what_cannot_be() -> None:
    for model, levels in [("base_24khz", 8), (MONO, 0), (MONO, 33), (STEREO, 17)]:
        with pytest.raises(UsageError):
            WriterV0(io.BytesIO(), model, levels)
    stream = io.BytesIO()
    mono, stereo = WriterV0(stream, MONO, 2), WriterV0(stream, STEREO, 2)
    codes = np.zeros((1, 2, 3), np.uint16)
    for wrong in (codes[0], codes[:, :1], codes + 0.5, codes + 1024):
        with pytest.raises(UsageError):
            mono.write_codes(wrong)
    for writer, scale in ((mono, 1.0), (stereo, None)):
        with pytest.raises(UsageError, match="scale"):
            writer.write_codes(codes, scale)
    mono.write_codes(codes)
    for samples in (0, 640, 961, -1, 2**41):
        with pytest.raises(UsageError):
            mono.finish(samples)
    assert stream.getvalue() == b""
    mono.finish(641)
    for work in (lambda: mono.finish(641), lambda: mono.write_codes(codes)):
        with pytest.raises(UsageError, match="finished"):
            work()


def test_a_stream_that_takes_too_little_is_reported() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            return 1

    with pytest.raises(FileError):
        WriterV0(Full(), MONO, 1).finish(0)

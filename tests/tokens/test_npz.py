"""Verify, trim and tokens, on files and through the command line."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path

import numpy as np
import pytest

from codectool.__main__ import run
from codectool.container import Audio, Header, HeaderV0, Reader, Writer, codes_of
from codectool.container.editing import TrimJob, trim_file
from codectool.errors import DataError, FileError, UsageError
from codectool.tokens.npz import TokensJob, tokens
from tests.container.samples import make_header, make_segments
from tests.container.samples_v0 import ToyPredictor, make_codes_v0, make_file_v0

HEADER = Header("toy", bytes(range(8)), 24_000, 320, 10, 8, 1, 44_100, 2)


def write_file(path: Path, levels: int = 8, streams: int = 1, tags: dict[str, str] | None = None) -> Path:
    """Write 200 frames of random codes, the same for every number of levels."""
    codes = np.random.default_rng(0).integers(0, 1024, (streams, 8, 200))
    header = Header("toy", bytes(range(8)), 24_000, 320, 10, levels, streams, 44_100, 2)
    with path.open("wb") as file:
        writer = Writer(file, header)
        writer.write_codes(codes[:, :levels])
        writer.finish(117_000, tags)
    return path


def damage(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("rate", ["3kbps", "3.5k", "3000"])
def test_trim_is_what_encoding_at_the_lower_rate_gives(tmp_path: Path, rate: str) -> None:
    whole = write_file(tmp_path / "whole.ecdc", tags={"title": "A"})
    lower = write_file(tmp_path / "lower.ecdc", levels=4, tags={"title": "A"})
    assert run(["trim", "-q", "-b", rate, str(whole), str(tmp_path / "trimmed.ecdc")]) == 0
    assert (tmp_path / "trimmed.ecdc").read_bytes() == lower.read_bytes()


def test_trim_refuses_what_is_not_there(tmp_path: Path) -> None:
    whole, target = write_file(tmp_path / "whole.ecdc"), tmp_path / "trimmed.ecdc"
    for job in ({"rate_bps": 500.0}, {"rate_bps": 6750.0}, {"levels": 9}, {"levels": 0}):
        with pytest.raises(UsageError):
            trim_file(TrimJob(str(whole), str(target), **job))  # type: ignore[arg-type]
    with pytest.raises(FileError, match="is the input itself"):
        trim_file(TrimJob(str(whole), str(whole), levels=2, overwrite=True))
    with pytest.raises(DataError, match=str(whole)):
        trim_file(TrimJob(str(damage(whole)), str(target), levels=2))
    assert list(tmp_path.iterdir()) == [whole]


@pytest.mark.parametrize("streams", [1, 2])
def test_tokens_and_back(tmp_path: Path, streams: int) -> None:
    source = write_file(tmp_path / "in.ecdc", streams=streams, tags={"title": "Ä", "artist": "B"})
    assert run(["tokens", "-q", str(source), str(tmp_path / "codes.npy")]) == 0
    assert run(["tokens", "-q", str(source), str(tmp_path / "codes.npz")]) == 0
    assert run(["tokens", "-q", str(tmp_path / "codes.npz"), str(tmp_path / "back.ecdc")]) == 0
    codes = np.load(tmp_path / "codes.npy")
    assert codes.dtype == np.int16
    assert codes.shape == ((8, 200) if streams == 1 else (2, 8, 200))
    with source.open("rb") as file:
        assert np.array_equal(codes_of(Reader(file)).squeeze(), codes)
    with np.load(tmp_path / "codes.npz") as arrays:
        assert np.array_equal(arrays["codes"], codes)
        assert arrays["frame_rate_hz"] == 75
        assert str(arrays["model"]) == "toy"
    assert (tmp_path / "back.ecdc").read_bytes() == source.read_bytes()


def test_tokens_refuse_other_files(tmp_path: Path) -> None:
    source = write_file(tmp_path / "in.ecdc")
    with pytest.raises(UsageError, match=r"\.npy or \.npz"):
        tokens(TokensJob(str(source), str(tmp_path / "codes.txt")))
    with pytest.raises(FileError):
        tokens(TokensJob(str(tmp_path / "nothing.npz"), str(tmp_path / "out.ecdc")))
    with pytest.raises(DataError, match=r"in\.ecdc"):
        tokens(TokensJob(str(damage(source)), str(tmp_path / "codes.npy")))


CHANGES = [
    "text",
    "no_codes",
    "float",
    "one_dim",
    "pickle",
    "model",
    "frames",
    "hop",
    "rate",
    "endless",
    "code",
]


@pytest.mark.parametrize("change", [*CHANGES, "code"])
def test_bad_token_files_are_refused(tmp_path: Path, change: str) -> None:
    source, path = write_file(tmp_path / "in.ecdc"), tmp_path / "bad.npz"
    tokens(TokensJob(str(source), str(path)))
    with np.load(path) as file:
        arrays = dict(file)
    changes = {
        "no_codes": {"codes": None},
        "float": {"codes": arrays["codes"] / 2},
        "one_dim": {"codes": arrays["codes"][0]},
        "pickle": {"codes": np.array([{"a": 1}])},
        "model": {"model": np.array("../evil")},
        "frames": {"total_samples": np.array(10**9)},
        "hop": {"hop_samples": np.array(320.0)},
        "rate": {"original_rate_hz": np.array(44_100.5)},
        "endless": {"total_samples": np.array(np.inf)},
        "code": {"codes": arrays["codes"] + 1},
    }
    if change == "text":
        path.write_text("not an archive")
    else:
        arrays |= changes[change]
        np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(DataError):
        tokens(TokensJob(str(path), str(tmp_path / "out.ecdc")))
    assert not (tmp_path / "out.ecdc").exists()


def test_a_flipped_bit_in_a_token_file_is_refused_or_does_no_harm(tmp_path: Path) -> None:
    source, path, target = write_file(tmp_path / "in.ecdc"), tmp_path / "a.npz", tmp_path / "out.ecdc"
    tokens(TokensJob(str(source), str(path)))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            tokens(TokensJob(str(path), str(target), overwrite=True))
        except DataError:
            refused += 1
            continue
        assert target.read_bytes() == source.read_bytes()
    assert refused > len(whole) // 2


def test_verify_finds_the_files_of_a_pattern_where_the_shell_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.ecdc", "a.ecdc", "a[1].ecdc", "a1.ecdc"):
        Path(name).write_bytes(b"foreign")
    assert run(["verify", "*.ecdc"]) == 4
    assert capsys.readouterr().err == "codec: *.ecdc: there is no such file\n"
    monkeypatch.setattr("codectool.cli.options.SHELL_EXPANDS", False)
    assert run(["verify", "*.ecdc", "a[1].ecdc", "none*"]) == 4
    told = [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()]
    assert told == ["a.ecdc", "a1.ecdc", "a[1].ecdc", "b.ecdc", "a[1].ecdc", "none*"]


def test_verify_tells_good_from_damaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_file(tmp_path / "good.ecdc")
    bad = damage(write_file(tmp_path / "bad.ecdc"))
    foreign = tmp_path / "foreign.ecdc"
    foreign.write_bytes(b"RIFF" + bytes(40))
    assert run(["verify", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: good\n"
    assert run(["verify", str(good), str(bad), str(foreign)]) == 3
    captured = capsys.readouterr()
    assert captured.out == f"{good}: good\n"
    assert [line.split(": ")[1] for line in captured.err.splitlines()] == [str(bad), str(foreign)]
    assert run(["verify", "--json", str(good), str(bad)]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["complete"] for line in lines] == [True, False]
    assert run(["verify", str(tmp_path / "nothing"), str(good)]) == 4
    assert capsys.readouterr().out == f"{good}: good\n"  # and is not left out for the one before it


def test_verify_counts_what_it_does_not_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codectool.container.reader.GAPS_KEPT", 0)
    bad = damage(write_file(tmp_path / "bad.ecdc"))
    assert run(["verify", str(bad)]) == 3
    assert capsys.readouterr().err == f"codec: {bad}: damaged in 1 more places\n"


VERSION_0 = [
    HeaderV0("encodec_24khz", 50_000, 4),
    HeaderV0("encodec_48khz", 95_041, 3),
    HeaderV0("encodec_48khz", 0, 1),
]


@pytest.mark.parametrize("header", VERSION_0)
def test_version_0_goes_through_tokens_and_trim(tmp_path: Path, header: HeaderV0) -> None:
    source, trimmed = tmp_path / "in.ecdc", tmp_path / "trimmed.ecdc"
    segments = make_codes_v0(header)
    source.write_bytes(make_file_v0(header, segments))
    for name in ("codes.npy", "codes.npz"):
        assert run(["tokens", "-q", str(source), str(tmp_path / name)]) == 0
    assert run(["tokens", "-q", str(tmp_path / "codes.npz"), str(tmp_path / "back.ecdc")]) == 0
    assert (tmp_path / "back.ecdc").read_bytes() == source.read_bytes()
    codes = np.load(tmp_path / "codes.npy")
    np.testing.assert_array_equal(
        codes[None], np.concatenate([np.zeros((1, header.levels, 0)), *segments], axis=2)
    )
    assert run(["trim", "-q", "--levels", "1", str(source), str(trimmed)]) == 0
    lower = HeaderV0(header.model, header.total_samples, 1)
    assert trimmed.read_bytes() == make_file_v0(lower, [codes[:, :1] for codes in segments])


@pytest.mark.parametrize("frames", [0, 5, 10, 23])
def test_segments_go_through_tokens_and_trim(tmp_path: Path, frames: int) -> None:
    header = make_header(levels=2, frames_per_packet=10, scaled=True, original_rate_hz=24_000)
    source, trimmed = tmp_path / "in.ecdc", tmp_path / "trimmed.ecdc"
    data, segments = make_segments(header, frames)
    source.write_bytes(data)
    assert run(["tokens", "-q", str(source), str(tmp_path / "codes.npz")]) == 0
    assert run(["tokens", "-q", str(tmp_path / "codes.npz"), str(tmp_path / "back.ecdc")]) == 0
    assert (tmp_path / "back.ecdc").read_bytes() == data
    assert run(["trim", "-q", "--levels", "1", str(source), str(trimmed)]) == 0
    with trimmed.open("rb") as file:
        lower = [event for event in Reader(file) if isinstance(event, Audio)]
    for event, (codes, scale) in zip(lower, segments, strict=True):
        np.testing.assert_array_equal(event.codes, codes[:, :1])
        assert event.scale == scale


def test_entropy_coded_version_0_needs_its_model(tmp_path: Path) -> None:
    header, source = VERSION_0[0], tmp_path / "in.ecdc"
    source.write_bytes(make_file_v0(header, make_codes_v0(header), predictor=ToyPredictor()))
    for command in (
        ["tokens", str(source), str(tmp_path / "codes.npy")],
        ["trim", "--levels", "1", str(source), "-"],
    ):
        assert run(command) == 5
    assert list(tmp_path.iterdir()) == [source]


def test_verify_says_what_version_0_cannot_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, path = VERSION_0[0], tmp_path / "in.ecdc"
    data = make_file_v0(header, make_codes_v0(header))
    path.write_bytes(data)
    assert run(["verify", str(path)]) == 0
    assert "version 0 has no checksums" in capsys.readouterr().out
    path.write_bytes(data[:-1])
    assert run(["verify", str(path)]) == 3
    path.write_bytes(make_file_v0(header, make_codes_v0(header), predictor=ToyPredictor()))
    assert run(["verify", str(path)]) == 5
    assert "language model" in capsys.readouterr().err
    assert run(["info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["version"], facts["entropy_coded"], facts["complete"], facts["frames"]) == (
        0,
        True,
        None,
        None,
    )
    assert facts["duration_s"] == 50_000 / 24_000


class FailingDisk(io.BytesIO):
    """A file that can be read up to a byte, behind which the disk is broken."""

    def __init__(self, data: bytes, broken_from: int) -> None:
        super().__init__(data)
        self.broken_from = broken_from

    def read(self, size: int | None = -1, /) -> bytes:
        left = self.broken_from - self.tell()
        data = super().read(size)
        if len(data) > left:
            raise OSError(errno.EIO, "Input/output error")
        return data


@pytest.mark.parametrize("broken_from", [0, 100, 1000])
def test_a_failing_disk_is_not_foreign_data(tmp_path, monkeypatch, broken_from):
    archive = tmp_path / "a.npz"
    tokens(TokensJob(str(write_file(tmp_path / "a.ecdc")), str(archive)))
    disk = FailingDisk(archive.read_bytes(), broken_from)
    monkeypatch.setattr("codectool.files.inputs.open_file", lambda _: disk)
    with pytest.raises(FileError, match=r"a.npz: cannot be read: Input/output error"):
        tokens(TokensJob(str(archive), str(tmp_path / "b.ecdc")))
    assert not (tmp_path / "b.ecdc").exists()

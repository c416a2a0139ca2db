"""Which names are inputs and which is the output: a pattern never makes an output of a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

Codec = Callable[..., Ran]
Write = Callable[..., Path]


@pytest.fixture
def recordings(write_wav: Write, codec: Codec) -> dict[str, bytes]:
    """Two recordings, a third without a suffix, and a file of codes: what the folder holds."""
    write_wav("a.wav", samples=2400)
    write_wav("b.wav", samples=4800)
    write_wav("c.wav", samples=1200).rename("c")
    assert codec("encode", "a.wav", "coded.ecdc", "-b", "3k").code == 0
    return contents()


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.mark.parametrize("command", ["encode -f a.wav b.wav", "encode -f a.wav b.wav c"])
def test_several_recordings_are_inputs(codec: Codec, recordings: dict[str, bytes], command: str) -> None:
    assert codec(*command.split(), "--jobs", "1").code == 0
    made = contents()
    assert {name: made[name] for name in recordings} == recordings
    expected = {name.partition(".")[0] + ".ecdc" for name in command.split()[2:]}
    assert set(made) - set(recordings) == expected


def test_outputs_of_several_go_to_a_folder(codec: Codec, recordings: dict[str, bytes]) -> None:
    assert codec("encode", "a.wav", "b.wav", "-o", "out/", "--jobs", "1").code == 0
    assert codec("encode", "a.wav", "-o", "alone/").code == 0
    assert codec("encode", "-f", "a.wav", "alone").code == 0
    assert codec("encode", "a.wav", "-o", "named.ecdc").code == 0
    assert Path("out/a.ecdc").read_bytes() == Path("alone/a.ecdc").read_bytes()
    assert Path("out/a.ecdc").read_bytes() == Path("named.ecdc").read_bytes()
    assert codec("decode", "out/a.ecdc", "out/b.ecdc", "-o", "back/", "--to", "flac", "--jobs", "1").code == 0
    assert sorted(path.name for path in Path("back").iterdir()) == ["a.flac", "b.flac"]
    assert codec("decode", "out/a.ecdc", "out/b.ecdc", "--jobs", "1", "-f").code == 0
    assert Path("out/b.wav").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("encode -f a.wav -o b.wav", "b.wav: is a recording by its name"),
        ("encode -f a.wav -o c", "c: is a recording by its name or content"),
        ("encode a.wav absent", "absent: there is no such file; if it is the output, write -o absent"),
        ("encode a.wav b.wav -o x.ecdc", "several inputs need a folder"),
        ("encode a.wav - b.wav", "stdin cannot be one of several"),
        ("encode a.wav b.wav -r", "--recursive is for folders"),
        ("decode -f coded.ecdc -o coded.ecdc", "coded.ecdc: is an .ecdc file"),
        ("trim -f first.ecdc coded.ecdc -b 1.5k", "coded.ecdc: is an .ecdc file, perhaps an input"),
        ("tokens -f first.npz coded.ecdc", "coded.ecdc: is an .ecdc file, perhaps an input"),
        ("tokens -f first.npz other.npz", "other.npz: tokens of .npz go to an .ecdc file"),
        ("convert -f first.ecdc coded.ecdc", "coded.ecdc: is an .ecdc file, perhaps an input"),
        ("trim a.ecdc -b 3k", "give IN OUT"),
    ],
)
def test_nothing_is_overwritten_by_mistake(
    codec: Codec, recordings: dict[str, bytes], command: str, words: str
) -> None:
    Path("first.ecdc").write_bytes(recordings["coded.ecdc"])
    codec("tokens", "first.ecdc", "first.npz")
    codec("tokens", "first.ecdc", "other.npz")
    before = contents()
    ran = codec(*command.split())
    assert words in ran.complaint()
    assert ran.code == 2
    assert contents() == before


def test_an_output_that_is_named_is_overwritten(codec: Codec, recordings: dict[str, bytes]) -> None:
    Path("first.ecdc").write_bytes(recordings["coded.ecdc"])
    assert codec("trim", "-f", "first.ecdc", "-o", "coded.ecdc", "-b", "1.5k").code == 0
    assert len(Path("coded.ecdc").read_bytes()) < len(recordings["coded.ecdc"])
    assert codec("encode", "-f", "b.wav", "first.ecdc").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_ends_a_run_at_its_first_file(codec: Codec, recordings: dict[str, bytes]) -> None:
    Path("a.ecdc").symlink_to("/dev/full")
    ran = codec("encode", "-f", "a.wav", "b.wav", "c", "--jobs", "1")
    assert ran.code == 4
    full, summary = ran.stderr.splitlines()
    assert full == "codec: a.ecdc: cannot be written: No space left on device"
    assert summary.startswith("codec: files: 0 done, 0 skipped, 1 failed, 2 left")
    assert not Path("b.ecdc").exists()

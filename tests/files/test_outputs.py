from __future__ import annotations

import io
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from codectool.errors import FileError, UsageError
from codectool.files.outputs import open_atomic, open_output, part_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_only_at_the_end(folder):
    with open_atomic("out.ecdc") as file:
        file.write(b"head and body")
        file.seek(0)
        file.write(b"HEAD")
        file.flush()
        assert names(folder) == [".out.ecdc.part"]
    assert names(folder) == ["out.ecdc"]
    assert Path("out.ecdc").read_bytes() == b"HEAD and body"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BrokenPipeError, SystemExit])
def test_any_exception_leaves_nothing(error, folder):
    with pytest.raises(error):
        write_and_raise(folder / "out.ecdc", error)
    assert names(folder) == []


def write_and_raise(path, error, **options):
    with open_atomic(path, **options) as file:
        file.write(b"half")
        raise error


def test_exception_keeps_the_old_file(folder):
    Path("out").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_and_raise("out", RuntimeError, overwrite=True)
    assert Path("out").read_bytes() == b"old"
    assert names(folder) == ["out"]


def test_overwrites_only_when_told(folder):
    Path("out").write_bytes(b"old")
    with pytest.raises(FileError, match="overwrite=True"), open_atomic("out"):
        pytest.fail("was opened")
    with open_atomic("out", overwrite=True) as file:
        file.write(b"new")
    assert Path("out").read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions as Unix has them")
def test_overwriting_keeps_the_permissions(folder):
    Path("out").write_bytes(b"old")
    Path("out").chmod(0o600)
    with open_atomic("out", overwrite=True) as file:
        assert Path(".out.part").stat().st_mode & 0o777 == 0o600  # before anything is in it
        file.write(b"new")
    assert Path("out").stat().st_mode & 0o777 == 0o600


def test_file_that_appears_meanwhile_is_kept(folder):
    with pytest.raises(FileError, match="overwrite=True"), open_atomic("out"):
        Path("out").write_bytes(b"theirs")
    assert Path("out").read_bytes() == b"theirs"
    assert names(folder) == ["out"]


def test_stale_part_is_replaced(folder):
    Path(".out.part").write_bytes(b"left behind, and longer than the new one")
    with open_atomic("out") as file:
        file.write(b"new")
    assert Path("out").read_bytes() == b"new"
    assert names(folder) == ["out"]


def test_two_writers_of_one_name_never_show_half_a_file(folder):
    with pytest.raises(FileError, match="another process"), open_atomic("out"):  # noqa: PT012
        with open_atomic("out") as second:
            second.write(b"second")
        assert names(folder) == ["out"]
    assert Path("out").read_bytes() == b"second"
    assert names(folder) == ["out"]


def test_loser_leaves_the_winners_part_alone(folder):
    Path("others").write_bytes(b"the other's")
    with pytest.raises(FileError, match="another process"), open_atomic("out"):
        Path("others").replace(".out.part")
    assert names(folder) == [".out.part"]


def test_names_that_differ_in_the_suffix_only(folder):
    with open_atomic("a.wav") as wav, open_atomic("a.flac") as flac:
        wav.write(b"wav")
        flac.write(b"flac")
    assert Path("a.wav").read_bytes() == b"wav"
    assert Path("a.flac").read_bytes() == b"flac"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 125 + ".wav", "x" * 249, "x" * 250])
def test_long_names(name, folder):
    with open_atomic(folder / name) as file:
        file.write(b"here")
        assert len(os.fsencode(names(folder)[0])) <= 255
    assert names(folder) == [name]


def test_long_names_with_one_beginning_have_parts_of_their_own():
    assert part_path(Path("x" * 254 + "1")) != part_path(Path("x" * 254 + "2"))


@pytest.mark.parametrize("path", ["missing/out", "x" * 256, "file/out", "."])
def test_impossible_places(path, folder):
    Path("file").write_bytes(b"")
    with pytest.raises(FileError, match=path.replace(".", r"\.")), open_atomic(path):
        pytest.fail("was opened")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_read_only_folder(folder):
    folder.chmod(0o500)
    with pytest.raises(FileError, match="cannot be written"), open_atomic("out"):
        pytest.fail("was opened")


def test_symbolic_link_stays_and_its_target_is_written(folder):
    Path("target").write_bytes(b"old")
    Path("link").symlink_to("target")
    with open_atomic("link", overwrite=True) as file:
        file.write(b"new")
    assert Path("link").is_symlink()
    assert Path("target").read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_device_is_a_file_error():
    with (
        pytest.raises(FileError, match="/dev/full: cannot be written: No space"),
        open_atomic("/dev/full") as file,
    ):
        file.write(bytes(100))
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_full_disk_is_a_file_error(folder):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(FileError, match="out: cannot be written"), open_atomic("out") as file:
            file.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(folder) == []


def test_device_is_written_in_place():
    with open_atomic("/dev/null") as file:
        file.write(b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_named_pipe_is_written_in_place(folder):
    os.mkfifo("pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_bytes()))
    reader.start()
    with open_atomic("pipe") as file:
        assert not file.seekable()
        file.write(b"through")
    reader.join(timeout=10)
    assert received == [b"through"]
    assert names(folder) == ["pipe"]


class Stdout(io.RawIOBase):
    """Takes a few bytes at a time, as an unbuffered pipe may."""

    def __init__(self, error=None, terminal=False):
        self.taken = bytearray()
        self.error = error
        self.terminal = terminal

    def writable(self):
        return True

    def isatty(self):
        return self.terminal

    def write(self, data):
        if self.error:
            raise self.error
        self.taken += data[:3]
        return min(3, len(data))


def test_stdout_takes_all_and_stays_open():
    stdout = Stdout()
    with open_output("-", stdout=stdout) as file:
        assert file.write(b"more than three") == 15
        assert stdout.taken == b"more than three"
    assert not stdout.closed


def test_stdout_failures():
    with pytest.raises(FileError, match="stdout: cannot be written"):
        write_to(Stdout(error=OSError(28, "No space left on device")))
    with pytest.raises(BrokenPipeError):
        write_to(Stdout(error=BrokenPipeError(32, "Broken pipe")))
    with pytest.raises(UsageError, match="terminal"):
        write_to(Stdout(terminal=True))


def write_to(stdout):
    with open_output("-", stdout=stdout) as file:
        file.write(b"something")


def test_output_to_a_path_is_atomic(folder):
    with open_output(folder / "out") as file:
        file.write(b"x")
        assert names(folder) == [".out.part"]
    assert names(folder) == ["out"]

"""What only a process shows: pipes, signals, and what starting costs."""

from __future__ import annotations

import os
import shlex
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tests.cli.conftest import RATE_HZ, ROOT, Ran

Codec = Callable[..., Ran]
Process = Callable[..., subprocess.Popen[bytes]]
SPEECH = ROOT / "examples" / "speech.wav"
WAIT_S = 60  # until a process is taken for stuck; a busy machine may take many seconds to import torch
SIZE_UNKNOWN = 0xFFFFFFFF


def test_a_pipe_gives_the_bytes_of_a_file(codec: Codec, process: Process) -> None:
    assert codec("encode", SPEECH, "out.ecdc").code == 0
    encoding = process("encode", "-", "-", "-b", "6kbps")
    coded, said = encoding.communicate(SPEECH.read_bytes(), WAIT_S)
    assert encoding.returncode == 0
    assert coded == Path("out.ecdc").read_bytes()
    assert all(line.startswith(b"codec: ") for line in said.splitlines())

    assert codec("decode", "out.ecdc", "out.wav").code == 0
    decoding = process("decode", "-", "-")
    piped, _ = decoding.communicate(coded, WAIT_S)
    assert decoding.returncode == 0
    filed = Path("out.wav").read_bytes()
    (riff_bytes,) = struct.unpack_from("<I", piped, 4)
    head, _, audio = piped.partition(b"data")
    assert len(head) < 100
    assert (riff_bytes, struct.unpack_from("<I", audio)[0]) == (SIZE_UNKNOWN, SIZE_UNKNOWN)
    assert audio[4:] == filed.partition(b"data")[2][4:]


def test_a_start_behind_the_end_of_a_pipe_is_refused_as_that_of_a_file_is(
    codec: Codec, process: Process
) -> None:
    assert codec("encode", SPEECH, "out.ecdc").code == 0
    ran = codec("decode", "out.ecdc", "part.wav", "--start", "99")
    decoding = process("decode", "-", "part.wav", "--start", "99")
    _, said = decoding.communicate(Path("out.ecdc").read_bytes(), WAIT_S)
    assert (decoding.returncode, ran.code) == (2, 2)
    assert said.decode().strip() == ran.complaint().replace("out.ecdc", "stdin")
    assert not Path("part.wav").exists()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python has no way to ask for it")
def test_nothing_that_lies_in_the_current_folder_is_run(
    environment: dict[str, str], write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    """The command is a script, as it is installed; what it starts are workers, and itself."""
    script = tmp_path / "bin" / "codec"
    script.parent.mkdir()
    script.write_text("from codectool.__main__ import main; main()")
    Path("in").mkdir()
    write_wav("in/one.wav")
    for module in ("pickle", "click", "codectool"):  # of what a worker imports first, and then of its own
        Path(f"{module}.py").write_text("raise SystemExit('code of the folder was run')")
    (tmp_path / "bin" / "aplay").write_text("#!/bin/sh\nexec /bin/cat > played.wav\n")
    (tmp_path / "bin" / "aplay").chmod(0o755)
    environment["PATH"] = str(tmp_path / "bin")
    commands = "encode in out --jobs 2", *(["play out/one.ecdc"] if os.name == "posix" else [])
    for command in commands:
        started = [sys.executable, script, *command.split()]
        ran = subprocess.run(started, env=environment, capture_output=True, timeout=WAIT_S)
        assert (ran.returncode, b"folder was run" in ran.stderr) == (0, False), ran.stderr


def test_letters_that_stdout_lacks_are_spelled_out(
    codec: Codec, process: Process, environment: dict[str, str]
) -> None:
    codec("encode", SPEECH, "out.ecdc", "--tag", "title=日本")
    environment["PYTHONIOENCODING"] = "cp1252"
    showing = process("info", "out.ecdc")
    shown, said = showing.communicate(None, WAIT_S)
    assert (showing.returncode, said) == (0, b"")
    assert rb"\u65e5\u672c" in shown


def test_a_reader_that_leaves_ends_it_quietly(codec: Codec, process: Process) -> None:
    codec("encode", SPEECH, "big.ecdc")
    decoding = process("decode", "big.ecdc", "-", "-q")
    assert decoding.stdin is not None
    assert decoding.stdout is not None
    assert decoding.stderr is not None
    with decoding.stdin, decoding.stdout, decoding.stderr:
        assert decoding.stdout.read(100)[:4] == b"RIFF"
        decoding.stdout.close()
        assert decoding.stderr.read() == b""
    assert decoding.wait(WAIT_S) == 0


RAW = "--raw", "s16le", "--rate", str(RATE_HZ), "--channels", "1"


@pytest.mark.skipif(shutil.which("sox") is None, reason="needs sox")
def test_between_two_soxes(environment: dict[str, str], write_wav: Callable[..., Path]) -> None:
    write_wav(samples=50_001, rate_hz=22_050, channels=2)
    codec = f"{shlex.quote(sys.executable)} -m codectool"
    command = (
        f"sox -V1 in.wav -t wav - | {codec} encode - - -q | {codec} decode - - -q | sox -V1 -t wav - out.flac"
    )
    subprocess.run(["bash", "-o", "pipefail", "-c", command], env=environment, timeout=2 * WAIT_S, check=True)
    info = soundfile.info("out.flac")
    assert (info.frames, info.samplerate, info.channels) == (50_001, 22_050, 1)


def test_sound_comes_while_a_slow_writer_still_writes(environment: dict[str, str]) -> None:
    codec, pipe = [sys.executable, "-m", "codectool"], subprocess.PIPE
    encode = [*codec, "encode", "-", "-", "-q", "--low-latency", *RAW]
    decode = [*codec, "decode", "-", "-", "-q", "--raw", "s16le"]
    with (
        subprocess.Popen(encode, env=environment, stdin=pipe, stdout=pipe, bufsize=0) as encoding,
        subprocess.Popen(decode, env=environment, stdin=encoding.stdout, stdout=pipe) as decoding,
    ):
        assert encoding.stdin is not None
        assert encoding.stdout is not None
        assert decoding.stdout is not None
        encoding.stdout.close()
        fed_bytes = 2 * RATE_HZ * 60 // 1000  # of the first 60 ms, an odd number of them at a time
        for start in range(0, fed_bytes, 47):
            encoding.stdin.write(bytes(min(47, fed_bytes - start)))
            time.sleep(0.001)
        heard = decoding.stdout.read(2)  # would wait for ever if they waited for more
        encoding.stdin.close()
        heard += decoding.stdout.read()
    assert len(heard) == fed_bytes
    assert (encoding.returncode, decoding.returncode) == (0, 0)


def write_without_end(descriptor: int) -> None:
    while True:
        os.write(descriptor, bytes(2 * RATE_HZ))


def test_a_reader_that_leaves_ends_an_encode_of_an_endless_input(process: Process) -> None:
    encoding = process("encode", "-", "-", "-q", *RAW)
    assert encoding.stdin is not None
    assert encoding.stdout is not None
    assert encoding.stderr is not None
    with encoding.stdin, encoding.stdout, encoding.stderr:
        os.write(encoding.stdin.fileno(), bytes(2 * RATE_HZ))
        assert encoding.stdout.read(4) == b"ECDC"
        encoding.stdout.close()
        with pytest.raises(BrokenPipeError):
            write_without_end(encoding.stdin.fileno())
        assert encoding.stderr.read() == b""
    assert encoding.wait(WAIT_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("encode - out.ecdc <&-", 4, b"codec: stdin: cannot be read: Bad file descriptor\n"),
        ("decode - out.wav <&-", 4, b"codec: stdin: cannot be read: Bad file descriptor\n"),
        ("trim - out.ecdc --levels 1 <&-", 4, b"codec: stdin: cannot be read: Bad file descriptor\n"),
        ("encode in.wav - -q >&-", 4, b"codec: stdout: cannot be written: Bad file descriptor\n"),
        ("verify in.ecdc >&-", 4, b"codec: stdout: cannot be written: Bad file descriptor\n"),
        ("verify in.ecdc >/dev/full", 4, b"codec: stdout: cannot be written: No space left on device\n"),
        ("verify in.wav 2>&-", 3, b""),
        ("trim in.ecdc out.ecdc --levels 1 <&- >&- 2>&-", 0, b""),
    ],
)
def test_closed_streams(
    codec: Codec,
    environment: dict[str, str],
    write_wav: Callable[..., Path],
    folder: Path,
    command: str,
    code: int,
    said: bytes,
) -> None:
    assert codec("encode", write_wav(samples=1000), "in.ecdc").code == 0
    program = f"{shlex.quote(sys.executable)} -m codectool {command}"
    done = subprocess.run(
        ["sh", "-c", program], env=environment, stderr=subprocess.PIPE, timeout=WAIT_S, check=False
    )
    assert (done.returncode, done.stderr) == (code, said)
    assert {path.name for path in folder.iterdir()} <= {
        "in.wav",
        "in.ecdc",
        *(["out.ecdc"] if code == 0 else []),
    }


@pytest.mark.parametrize(
    "command",
    ["--help", "--version", "models", "models --json", "info out.ecdc", "info out.ecdc --json", "encode -h"],
)
def test_what_needs_no_network_loads_no_torch(
    codec: Codec, environment: dict[str, str], write_wav: Callable[..., Path], command: str
) -> None:
    codec("encode", write_wav(samples=1000), "out.ecdc")
    program = (
        "import sys; from codectool.__main__ import run; "
        "code = run(sys.argv[1:]); print('torch' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    arguments = [sys.executable, "-c", program, *command.split()]
    done = subprocess.run(arguments, env=environment, capture_output=True, timeout=WAIT_S, check=True)
    assert done.stderr == b"False\n"
    assert done.stdout == codec(*command.split()).stdout

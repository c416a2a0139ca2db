"""What only a process shows: pipes, signals, and what starting costs."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Ran

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


def test_an_interrupt_leaves_nothing_behind(process: Process, folder: Path) -> None:
    encoding = process("encode", "-", "out.ecdc", "--raw", "s16le", "--rate", "24000", "--channels", "1")
    assert encoding.stdin is not None
    assert encoding.stderr is not None
    encoding.stdin.write(bytes(2 * 24_000 * 3))
    encoding.stdin.flush()
    part = folder / ".out.ecdc.part"
    deadline_s = time.monotonic() + WAIT_S
    while not (part.exists() and part.stat().st_size > 700):  # a packet: it is in the midst of the recording
        assert time.monotonic() < deadline_s
        assert encoding.poll() is None
        time.sleep(0.02)
    encoding.send_signal(signal.SIGINT)
    assert encoding.wait(WAIT_S) == 130  # with the pipe still open
    _, said = encoding.communicate(timeout=WAIT_S)
    assert said == b"codec: interrupted\n"
    assert list(folder.iterdir()) == []


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

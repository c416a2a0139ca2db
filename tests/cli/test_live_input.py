"""Recordings from a live pipe end with a signal, and are kept."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import RATE_HZ, Ran, read_wav

Codec = Callable[..., Ran]
Process = Callable[..., subprocess.Popen[bytes]]
RAW = "--raw", "s16le", "--sample-rate", str(RATE_HZ), "--raw-channels", "1"
WAIT_S = 60
SECOND = bytes(2 * RATE_HZ)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them")


def wait_for(there: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def part_bytes() -> int:
    part = Path(".rec.ecdc.part")
    return part.stat().st_size if part.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_live_input_and_keeps_the_recording(
    codec: Codec, process: Process, number: signal.Signals
) -> None:
    encoding = process("encode", "-", "rec.ecdc", *RAW)
    assert encoding.stdin is not None
    encoding.stdin.write(3 * SECOND + SECOND[: RATE_HZ // 2 * 2])
    encoding.stdin.flush()
    wait_for(part_bytes)  # that it has begun; the pipe stays open
    encoding.send_signal(number)
    assert encoding.wait(WAIT_S) == 128 + number
    encoding.stdin.close()
    assert encoding.stderr is not None
    with encoding.stderr:
        assert b"rec.ecdc: 3.50 s" in encoding.stderr.read()
    assert encoding.stdout is not None
    encoding.stdout.close()
    assert [path.name for path in Path().iterdir()] == ["rec.ecdc"]
    assert codec("verify", "rec.ecdc").code == 0
    codec("decode", "rec.ecdc", "back.wav")
    assert len(read_wav("back.wav")) == 7 * RATE_HZ // 2


def test_what_a_producer_still_flushes_is_kept(codec: Codec, process: Process) -> None:
    encoding = process("encode", "-", "rec.ecdc", *RAW)
    assert encoding.stdin is not None
    encoding.stdin.write(SECOND)
    encoding.stdin.flush()
    wait_for(part_bytes)
    encoding.send_signal(signal.SIGINT)
    time.sleep(0.05)
    encoding.communicate(SECOND, WAIT_S)
    assert encoding.returncode == 130
    codec("decode", "rec.ecdc", "back.wav")
    assert len(read_wav("back.wav")) == 2 * RATE_HZ


def test_an_endless_producer_does_not_matter(codec: Codec, process: Process) -> None:
    encoding = process("encode", "-", "rec.ecdc", "-q", *RAW)
    assert encoding.stdin is not None
    pipe, ended = encoding.stdin, threading.Event()

    def produce() -> None:
        try:
            while not ended.is_set():
                pipe.write(SECOND)
                pipe.flush()
        except OSError:
            pass

    producer = threading.Thread(target=produce)
    producer.start()
    wait_for(part_bytes)
    encoding.send_signal(signal.SIGINT)
    assert encoding.wait(WAIT_S) == 130
    ended.set()
    producer.join()
    for stream in (encoding.stdout, encoding.stderr):
        assert stream is not None
        stream.close()
    with suppress(BrokenPipeError):
        pipe.close()
    assert codec("verify", "rec.ecdc").code == 0


def test_a_decode_from_a_pipe_keeps_what_came(
    codec: Codec, process: Process, write_wav: Callable[..., Path]
) -> None:
    write_wav(samples=3 * RATE_HZ)
    codec("encode", "in.wav", "in.ecdc")
    decoding = process("decode", "-", "back.wav")
    assert decoding.stdin is not None
    decoding.stdin.write(Path("in.ecdc").read_bytes()[:-20])
    decoding.stdin.flush()
    wait_for(lambda: Path(".back.wav.part").exists())
    decoding.send_signal(signal.SIGINT)
    assert decoding.wait(WAIT_S) == 130
    decoding.communicate()
    assert len(read_wav("back.wav")) == 3 * RATE_HZ


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_nothing_of_an_output_from_a_file(
    process: Process, write_wav: Callable[..., Path], number: int
) -> None:
    write_wav(samples=600 * RATE_HZ)
    encoding = process("encode", "in.wav", "rec.ecdc")
    wait_for(lambda: Path(".rec.ecdc.part").exists())
    encoding.send_signal(number)
    _, said = encoding.communicate(None, WAIT_S)
    assert encoding.returncode == 128 + number, said
    assert [path.name for path in Path().iterdir()] == ["in.wav"]
    assert len(said.splitlines()) == 1

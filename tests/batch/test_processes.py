"""Killing what runs: a worker, the command by Ctrl-C, the command without a word.

A named pipe among the inputs keeps a worker in the midst of a file for as long as the test likes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.batch.conftest import RATE_HZ, Codec, Process, write_noise

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")

WAIT_S = 60  # a busy machine may take many seconds to import torch
INTERRUPT_S = 2  # what Ctrl-C may take
SLOW_PART = Path("out/.slow.ecdc.part")
RUN = ["encode", "in", "out", "--files-from", "list", "--jobs", "1"]


def wait_until(what: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something while a process runs."""
    deadline_s = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline_s
        assert process.poll() is None
        time.sleep(0.02)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that it started to do its work."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"spawn_main" in command]


def is_gone(process_id: int) -> bool:
    """Whether a process has ended, and been buried or not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def held(process: subprocess.Popen[str]) -> Iterator[int]:
    """Feed the slow file until a packet of it is written, and hold it there; give the worker that has it."""
    audio = Path("whole.wav").read_bytes()
    opened: list[int] = []

    def open_pipe() -> bool:
        try:
            opened.append(os.open("in/slow.wav", os.O_WRONLY | os.O_NONBLOCK))  # fails without a reader
        except OSError:
            return False
        return True

    wait_until(open_pipe, process)
    os.set_blocking(opened[0], True)
    with os.fdopen(opened[0], "wb") as pipe:
        pipe.write(audio[: len(audio) * 3 // 4])
        pipe.flush()
        wait_until(lambda: SLOW_PART.exists() and SLOW_PART.stat().st_size > 500, process)
        (worker,) = workers_of(process)
        yield worker


@pytest.fixture
def folders(folder: Path) -> Path:
    """Three inputs, of which the second is a pipe."""
    write_noise(Path("in/a.wav"))
    write_noise(Path("in/b.wav"))
    write_noise(Path("whole.wav"), 4 * RATE_HZ)
    os.mkfifo("in/slow.wav")
    Path("list").write_text("a.wav\nslow.wav\nb.wav\n")
    return folder


def names(folder: str) -> list[str]:
    """Return the names of all files in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.usefixtures("folders")
def test_a_killed_worker_costs_its_file(process: Process) -> None:
    running = process(*RUN)
    with held(running) as worker:
        os.kill(worker, signal.SIGKILL)
        _, said = running.communicate(timeout=WAIT_S)
    killed, summary = said.splitlines()
    assert killed.startswith(
        "codec: in/slow.wav: its worker was killed by SIGKILL, perhaps for want of memory"
    )
    assert summary.startswith("codec: files: 2 done, 0 skipped, 1 failed")
    assert running.returncode == 1
    assert names("out") == ["a.ecdc", "b.ecdc"]


@pytest.mark.usefixtures("folders")
def test_an_interrupt_leaves_whole_files_and_the_next_run_finishes(process: Process, codec: Codec) -> None:
    running = process(*RUN)
    with held(running) as worker:
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        started_s = time.monotonic()
        _, said = running.communicate(timeout=WAIT_S)
        assert time.monotonic() - started_s < INTERRUPT_S
    summary, interrupted = said.splitlines()
    assert summary.startswith("codec: files: 1 done, 0 skipped, 0 failed")
    assert interrupted == "codec: interrupted"
    assert running.returncode == 130
    assert is_gone(worker)
    assert names("out") == ["a.ecdc"]

    Path("in/slow.wav").unlink()
    Path("whole.wav").rename("in/slow.wav")
    code, _, said = codec(*RUN)
    assert code == 0
    assert said.startswith("codec: files: 2 done, 1 skipped, 0 failed")
    assert codec("encode", "in/slow.wav", "slow.ecdc")[0] == 0
    assert Path("out/slow.ecdc").read_bytes() == Path("slow.ecdc").read_bytes()
    assert names("out") == ["a.ecdc", "b.ecdc", "slow.ecdc"]


@pytest.mark.usefixtures("folders")
def test_an_interrupt_while_workers_start(process: Process) -> None:
    running = process(*RUN)
    wait_until(lambda: workers_of(running), running)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=INTERRUPT_S)
    assert said.splitlines()[-1] == "codec: interrupted"
    assert "Traceback" not in said
    assert running.returncode == 130


@pytest.mark.usefixtures("folders")
def test_workers_end_with_their_parent(process: Process) -> None:
    running = process(*RUN)
    with held(running) as worker:
        running.kill()
        running.wait(WAIT_S)
        deadline_s = time.monotonic() + INTERRUPT_S
        while not is_gone(worker):
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    assert names("out") == [SLOW_PART.name, "a.ecdc"]

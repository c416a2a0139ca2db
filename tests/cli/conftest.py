"""Running the command line: in this process for many cases, as a process where the claim is about one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from codectool.__main__ import run
from codectool.models.search import WEIGHTS_VARIABLE

ROOT = Path(__file__).parents[2]
RATE_HZ = 24_000
Argument = str | Path


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    stdout: bytes
    stderr: str

    def complaint(self) -> str:
        """Return the one line that says what is wrong."""
        (line,) = self.stderr.splitlines()
        assert line.startswith("codec: ")
        return line


@pytest.fixture
def codec(
    folder: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Callable[..., Ran]:
    """Runs a command in this process, with the small model."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(small_weights))

    def run_command(*arguments: Argument) -> Ran:
        capsysbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        stdout, stderr = capsysbinary.readouterr()
        return Ran(code, stdout, stderr.decode())

    return run_command


@pytest.fixture
def environment(small_weights: Path) -> dict[str, str]:
    """What a process needs to find this codectool and the small model."""
    return {**os.environ, "PYTHONPATH": str(ROOT), WEIGHTS_VARIABLE: str(small_weights)}


@pytest.fixture
def process(folder: Path, environment: dict[str, str]) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts a command as a process, its standard streams pipes."""

    def start(*arguments: Argument) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "codectool", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    return start


@pytest.fixture
def write_wav(folder: Path) -> Callable[..., Path]:
    """Writes a WAV of noise."""

    def write(
        name: str = "in.wav",
        *,
        samples: int = RATE_HZ,
        rate_hz: int = RATE_HZ,
        channels: int = 1,
        subtype: str = "PCM_16",
    ) -> Path:
        audio = np.random.default_rng(0).normal(0, 0.1, (samples, channels))
        soundfile.write(name, audio, rate_hz, subtype=subtype)
        return Path(name)

    return write


def read_wav(path: Argument) -> npt.NDArray[np.float32]:
    """Return the only channel of a file."""
    audio, _ = soundfile.read(path, dtype="float32")
    assert audio.ndim == 1
    return audio


@pytest.fixture
def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty, and nothing else that names weights or a way to the network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return folder / "cache" / "codectool"

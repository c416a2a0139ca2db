"""Folders to plan for and to run: names are enough for a plan, sound is needed for a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.models.search import WEIGHTS_VARIABLE

ROOT = Path(__file__).parents[2]
RATE_HZ = 24_000
Codec = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def codec(
    folder: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Codec:
    """Runs a command in this process (workers are others), with the small model: code, stdout, stderr."""
    from codectool.__main__ import run

    monkeypatch.setenv(WEIGHTS_VARIABLE, str(small_weights))

    def run_command(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return run_command


@pytest.fixture
def process(folder: Path, small_weights: Path) -> Iterator[Process]:
    """Starts a command as the first process of a group, as a shell does."""
    started = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "codectool", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), WEIGHTS_VARIABLE: str(small_weights)}
        started.append(
            subprocess.Popen(
                command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def write_noise(path: Path, samples: int = RATE_HZ, seed: int = 0) -> None:
    """Write a WAV or FLAC of noise, in folders made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(seed).normal(0, 0.1, samples)
    soundfile.write(path, audio, RATE_HZ, subtype="PCM_16")


def touch(*names: str) -> None:
    """Make empty files, in folders made for them."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

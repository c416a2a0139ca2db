"""The commands in README.md work as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import soundfile

ROOT = Path(__file__).parents[1]
SETTING_UP = (
    "pip ",
    "git ",
    "python -m venv",
    "python3 -m venv",
    ". ",
)  # for a fresh machine, not for a test


def commands(text: str) -> list[str]:
    """Return the commands of all ```sh blocks that a test can run, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines = [line.removeprefix("$ ").strip() for line in lines]
    return [line for line in lines if "codec " in line and not line.startswith(SETTING_UP)]


def test_commands_are_found() -> None:
    text = "```sh\npip install codec x\n$ codec a \\\n  b\n```\n```\ncodec no\n```\n"
    text += "```sh\ncat a | codec c\nls\n```\n"
    assert [re.sub(" +", " ", line) for line in commands(text)] == ["codec a b", "cat a | codec c"]


def test_every_command_works(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    codec = tmp_path / "bin" / "codec"
    codec.parent.mkdir()
    codec.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codectool "$@"\n')
    codec.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{codec.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    lines = commands((ROOT / "README.md").read_text())
    assert len(lines) >= 4
    for line in lines:
        arguments = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(
            arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    made = [path for path in tmp_path.iterdir() if path.suffix in (".wav", ".flac")]
    assert made
    for path in made:
        assert soundfile.info(path).duration > 1


def test_the_python_works(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    program += (
        "\nassert decoded.shape == (1, len(audio)) and codes.shape[0] == 8 and part.shape == (1, 1.5 * rate)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

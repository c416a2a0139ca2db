"""What docs/tokens.md shows works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[2]


def blocks(kind: str) -> list[str]:
    text = (ROOT / "docs" / "tokens.md").read_text()
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_every_command_and_program_of_the_page_works(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "bin").mkdir()
    for name, arguments in (("codec", "-m codectool "), ("python", "")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [["bash", "-o", "pipefail", "-c", line] for line in lines]
    (program,) = blocks("python")
    # the program reads what the first commands make
    for command in [*commands[:5], [sys.executable, "-c", program], *commands[5:]]:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command[-1]}: {done.stderr}"
    assert len(lines) >= 8
    for name in ("speech.wav", "music.flac"):
        back = soundfile.info(tmp_path / "back" / Path(name).with_suffix(".wav"))
        assert back.frames == soundfile.info(ROOT / "examples" / name).frames
    assert soundfile.info(tmp_path / "continued.wav").duration == pytest.approx(3, abs=0.05)
    index = (tmp_path / "parts" / "index.jsonl").read_text().splitlines()
    assert len(index) == 2

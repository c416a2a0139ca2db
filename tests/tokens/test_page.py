"""What docs/tokens.md shows works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import soundfile

from tests.tokens.samples import tokenize

ROOT = Path(__file__).parents[2]


def blocks(kind: str) -> list[str]:
    text = (ROOT / "docs" / "tokens.md").read_text()
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prepared(folder: Path) -> dict[str, str]:
    """Put the examples and the programs of the page into a folder; return the environment for them."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "bin").mkdir()
    for name, arguments in (("codec", "-m codectool "), ("python", ""), ("ray", "-m ray.scripts.scripts ")):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


def test_every_command_and_program_of_the_page_works(tmp_path: Path) -> None:
    environment = prepared(tmp_path)
    lines = [line for block in blocks("sh") if "ray start" not in block for line in block.splitlines()]
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


def test_two_nodes_of_ray_as_on_the_page(tmp_path: Path, small_weights: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install '.[ray]'")
    (block,) = [block for block in blocks("sh") if "ray start" in block]
    environment = prepared(tmp_path) | {
        "CODECTOOL_WEIGHTS": str(small_weights),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_worker_niceness": "0",  # 15 would stand still beside other work
        "RAY_raylet_start_wait_time_s": "120",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    tokenize(tmp_path / "examples", tmp_path / "parts", weights=small_weights, shard_items=1)
    with subprocess.Popen(
        ["bash", "-e", "-c", block], cwd=tmp_path, env=environment, start_new_session=True
    ) as shell:
        try:
            assert shell.wait(600) == 0
        finally:
            with suppress(ProcessLookupError):  # whatever nodes are left, if it came to nothing
                os.killpg(shell.pid, signal.SIGKILL)

"""Shell completion: what a shell is given, and what it is answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Ran

Codec = Callable[..., Ran]
WAIT_S = 60


@pytest.fixture
def path_with_codec(folder: Path) -> dict[str, str]:
    """An environment in which `codec` is a command."""
    command = folder / "bin" / "codec"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codectool "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{command.parent}:{os.environ['PATH']}"}


def asked(environment: dict[str, str], shell: str, words: str, number: int) -> list[str]:
    """Return what the shell is answered for its word of that number."""
    variables = {"_CODEC_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    done = subprocess.run(
        ["codec"], env=environment | variables, capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="shells of Unix")
def test_shells_are_answered(path_with_codec: dict[str, str]) -> None:
    assert {"plain,encode", "plain,eval"} <= set(asked(path_with_codec, "bash", "codec e", 1))
    assert "plain,--low-latency" in asked(path_with_codec, "bash", "codec encode --lo", 2)
    assert asked(path_with_codec, "bash", "codec encode x", 2) == ["file,x"]
    assert "plain,encodec_24khz" in asked(path_with_codec, "bash", "codec encode --model enc", 3)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_shells_source_is_their_language(codec: Codec, shell: str) -> None:
    ran = codec("completion", shell)
    assert ran.code == 0
    assert b"_CODEC_COMPLETE" in ran.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ran.stdout, timeout=WAIT_S, check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(codec: Codec, path_with_codec: dict[str, str]) -> None:
    script = codec("completion", "bash").stdout.decode()
    script += 'COMP_WORDS=(codec enc); COMP_CWORD=1; _codec_completion codec; echo "${COMPREPLY[@]}"\n'
    done = subprocess.run(
        ["bash", "-c", script],
        env=path_with_codec,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    assert done.stdout == "encode\n"

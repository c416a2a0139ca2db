"""The commands in README.md and docs/ work as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md"]  # and those of docs/ that show commands; tests/tokens has its own
PAGES += [ROOT / "docs" / f"{name}.md" for name in ("damage", "formats", "listening", "models", "streaming")]
PAGES += [ROOT / "docs" / "other-programs.md"]
LONGEST_S = 300  # of a busy machine
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


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with the examples, and an environment in which `codec` is ours."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    codec = tmp_path / "bin" / "codec"
    codec.parent.mkdir()
    codec.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codectool "$@"\n')
    codec.chmod(0o755)
    path = f"{codec.parent}{os.pathsep}{os.environ['PATH']}"
    return tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_works(place: tuple[Path, dict[str, str]], page: Path) -> None:
    folder, environment = place
    text = page.read_text()
    programs = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [["bash", "-o", "pipefail", "-c", line] for line in commands(text)]
    lines += [[sys.executable, "-c", program] for program in programs]
    assert lines
    for line in lines:
        done = subprocess.run(
            line, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S
        )
        assert done.returncode == 0, f"{line[-1]}: {done.stderr}"
    made = [path for path in folder.iterdir() if path.suffix in (".wav", ".flac")]
    for path in made:
        assert soundfile.info(path).duration > 1


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "BENCHMARKS.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_python_of_the_readme_gives_what_it_says(tmp_path: Path) -> None:
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
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stderr

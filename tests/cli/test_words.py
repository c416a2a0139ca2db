"""The library speaks of arguments, and the command line of its options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import codectool
from codectool.cli import cli
from codectool.cli.words import OPTIONS, in_options

PACKAGE = Path(codectool.__file__).parent
FLAG = re.compile(r"(?<![\w-])(--[a-z]|-[a-zA-Z]\b)")
COMMANDS = ("__main__.py", "cli/", "quality/codecs.py", "quality/bench")  # which are or run command lines


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a.ecdc: exists already; use `overwrite=True` to", "a.ecdc: exists already; use -f to"),
        ("give them with `weights=FILE`", "give them with --weights FILE"),
        ("`raw='s8'`: no such", "--raw s8: no such"),
        ("for version 0 files only: add `container='v0'`", "for version 0 files only: add --container v0"),
        ("see `include`, and `recursive`", "see --include, and -r"),
        ("run `codec models fetch mimi`", "run `codec models fetch mimi`"),
        ("raw=1.wav and `unknown`: overwrite=True", "raw=1.wav and `unknown`: overwrite=True"),
    ],
)
def test_arguments_become_options(message: str, shown: str) -> None:
    assert in_options(message) == shown


def test_every_option_that_is_spoken_of_is_one() -> None:
    known = {name for command in _commands(cli) for option in command.params for name in option.opts}
    assert {option.split()[0] for option in OPTIONS.values()} <= known


def test_the_library_never_speaks_of_options() -> None:
    """Neither its errors nor its docstrings: whoever calls it from Python has none."""
    spoken = [
        f"{name}:{node.lineno}: {node.value}"
        for name, node in _strings()
        if not name.startswith(COMMANDS) and FLAG.search(node.value)
    ]
    assert spoken == []


def _strings() -> Iterator[tuple[str, ast.Constant]]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.relative_to(PACKAGE).as_posix(), node


def _commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (each := command.get_command(context, name)) is not None:
                yield from _commands(each)

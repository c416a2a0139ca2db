"""Options and manners that several commands share."""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, TypeVar

import click

from codectool.cli.words import in_options
from codectool.errors import CodecError
from codectool.files.streams import as_file_error, ended_by_signals

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(k|kbps|bps)?", re.IGNORECASE)
SHELL_EXPANDS = sys.platform != "win32"  # *.ecdc to the names of files, before a command gets them
SIGNALLED = 128  # and the number of a signal make the exit code, as shells count it
BARE_KBPS_BELOW = 1000  # a bare number under this is kilobits: nobody asks for 6 bits a second


def expanded(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names, with patterns replaced by the files they stand for where the shell leaves that to us."""
    if SHELL_EXPANDS:
        return names
    # A Path.glob has a folder to search, which names need not share; and "[1]" may be part of a name.
    found = ([] if Path(name).exists() else sorted(glob.glob(name)) for name in names)  # noqa: PTH207
    return tuple(each for name, files in zip(names, found, strict=True) for each in files or [name])


class Rate(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A bit rate such as 6kbps, 6k, 6000 or 6, in bits a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return bits a second."""
        if isinstance(value, float):
            return value
        match = RATE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a rate; write 6kbps, 6k, 6000 or 6", param, ctx)
        number, unit = float(match[1]), (match[2] or "").lower()
        kilobits = unit.startswith("k") or (not unit and number < BARE_KBPS_BELOW)
        return number * 1000 if kilobits else number


def known_models(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of models that begin like this."""
    from codectool.models.registry import MODELS

    return [name for name in MODELS if name.startswith(incomplete)]


def model_options(default: str | None) -> Callable[[Decorated], Decorated]:
    """Add --model, --weights, --device, --engine and --precision to a command."""

    def add(command: Decorated) -> Decorated:
        command = click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            help="Of large products; bfloat16 is faster on some processors, where auto takes it.",
        )(command)
        command = click.option(
            "--engine",
            type=click.Choice(["auto", "onnxruntime", "torch"]),
            default="auto",
            help="What runs the network: ONNX Runtime, where it can, starts at once.",
        )(command)
        command = click.option("--device", default="cpu", show_default=True, help="Where the network runs.")(
            command
        )
        command = click.option("--weights", type=click.Path(path_type=Path), help="Weights to use instead.")(
            command
        )
        text = "The model to use." if default else "The model, if not the one the file names."
        return click.option(
            "--model", default=default, show_default=bool(default), help=text, shell_complete=known_models
        )(command)

    return add


def language_model_options(command: Decorated) -> Decorated:
    """Add --lm and --lm-threads to a command."""
    command = click.option(
        "--lm-threads",
        "language_model_threads",
        type=click.IntRange(1, 1024),
        default=1,
        show_default=True,
        help="Threads it computes on; EnCodec takes all cores, and another number rounds otherwise.",
    )(command)
    return click.option(
        "--lm",
        "language_model",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="EnCodec's language model, for version 0 files that are entropy-coded with it.",
    )(command)


def default_target(source: str, suffix: str) -> str:
    """Return the output a command writes when none is named: beside the input, or stdout for stdin."""
    if source == "-":
        return "-"
    path = PurePath(source)
    return str(path.with_suffix(suffix)) if path.name else f"{source}{suffix}"  # `.` has no name to change


def quoted(name: str) -> str:
    """Return a name, or text with names in it, with what a terminal would obey or could not show spelt out.

    A name in an archive from elsewhere may hold escape sequences, or a line that looks like one of ours.
    """
    return "".join(letter if letter.isprintable() else _spelt_out(letter) for letter in name)


def _spelt_out(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no text
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def show(text: str | bytes) -> None:
    """Print a result on stdout, control characters spelt out; FileError when it cannot be written there."""
    if isinstance(text, str):
        text = "\n".join(quoted(line) for line in text.split("\n"))
    with as_file_error("stdout"):
        click.echo(text)


def bar(share: float, width: int = 40) -> str:
    """Return a bar for a part of the whole, of characters that stdout can print."""
    block = "█" if (sys.stdout.encoding or "").lower().startswith("utf") else "#"
    return block * round(width * share)


def say(message: str, quiet: bool = False) -> None:
    """Print a message for the user on stderr, apart from data, with options in place of arguments.

    It is no error if nobody reads it.
    """
    if not quiet:
        with suppress(OSError):
            click.echo(f"codec: {quoted(in_options(message))}", err=True)


def ending_by_signals(source: str, work: Callable[[], int]) -> int:
    """Do the work and return its exit code; a signal ends live input, and then is what the code tells.

    So Ctrl-C, the usual end of a recording from a pipe, keeps all that was recorded.
    """
    if source != "-":
        return work()
    with ended_by_signals() as ending:
        try:
            code = work()
        except CodecError as error:
            if ending.signal_number is None:
                raise
            say(str(error))
        return code if ending.signal_number is None else SIGNALLED + ending.signal_number


@contextmanager
def progress_bar(source: str, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """Give a function that shows the seconds done, or None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=PurePath(source).name, unit=" s of audio", unit_scale=True, leave=False) as bar:
        yield lambda seconds: bar.update(seconds - bar.n) and None

"""Options and manners that several commands share."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any, TypeVar

import click

from codectool.cli.sections import Option
from codectool.cli.words import in_options
from codectool.engines.threads import THREADS_VARIABLE
from codectool.errors import CodecError, UsageError
from codectool.files.streams import as_file_error, ended_by_signals

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(k|kbps|bps)?", re.IGNORECASE)
TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
SAMPLE_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(k|kHz)?", re.IGNORECASE)
RARE_BELOW_HZ = 1000  # no recording has so few samples a second, and many people mean kHz
SHELL_EXPANDS = sys.platform != "win32"  # *.ecdc to the names of files, before a command gets them
MODEL = "Model and machine"
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


class Time(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A time such as 90, 90.5, 1:30 or 1:02:30, in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        match = TIME.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a time; write 90, 1:30 or 1:02:30", param, ctx)
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return 3600 * hours + 60 * minutes + seconds


class SampleRate(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A sample rate such as 44100 or 44.1k, in Hz."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return Hz."""
        match = SAMPLE_RATE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a sample rate; write 44100 or 44.1k", param, ctx)
        rate_hz = float(match[1]) * (1000 if match[2] else 1)
        if 0 < rate_hz < RARE_BELOW_HZ:
            say(f"warning: --sample-rate {value} is {rate_hz:g} Hz; for kHz write {value}k")
        return round(rate_hz)


def known_models(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of models that begin like this."""
    from codectool.models.registry import MODELS

    return [name for name in MODELS if name.startswith(incomplete)]


def model_option(*names: str, **kwargs: Any) -> Callable[[Decorated], Decorated]:
    """Return an option that says with what the work is done."""
    return click.option(*names, cls=Option, section=MODEL, **kwargs)


def model_options(default: str | None) -> Callable[[Decorated], Decorated]:
    """Add --model, --weights, --device, --engine and --precision to a command."""

    def add(command: Decorated) -> Decorated:
        command = model_option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            help="Of large products; bfloat16 is faster on some processors, where auto takes it.",
        )(command)
        command = model_option(
            "--engine",
            type=click.Choice(["auto", "litert", "onnxruntime", "torch"]),
            default="auto",
            help="What runs the network: ONNX Runtime, where it can, starts at once.",
        )(command)
        command = model_option("--device", default="cpu", show_default=True, help="Where the network runs.")(
            command
        )
        command = model_option("--weights", type=click.Path(path_type=Path), help="Weights to use instead.")(
            command
        )
        text = "The model to use." if default else "The model, if not the one the file names."
        return model_option(
            "--model", default=default, show_default=bool(default), help=text, shell_complete=known_models
        )(command)

    return add


def threads_option(command: Decorated) -> Decorated:
    """Add --threads to a command, which sets what the engines go by before they are loaded."""

    def set_threads(_: click.Context, __: click.Parameter, threads: int | None) -> None:
        if threads is not None:
            os.environ[THREADS_VARIABLE] = str(threads)

    return model_option(
        "--threads",
        type=click.IntRange(1),
        expose_value=False,
        callback=set_threads,
        help="Threads for one file [default: one a core].",
    )(command)


def language_model_options(command: Decorated) -> Decorated:
    """Add --lm and --lm-threads to a command."""
    command = model_option(
        "--lm-threads",
        "language_model_threads",
        type=click.IntRange(1, 1024),
        default=1,
        show_default=True,
        help="Threads it computes on; EnCodec takes all cores, and another number rounds otherwise.",
    )(command)
    return model_option(
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


def refuse_json_beside(target: str, as_json: bool) -> None:
    """Raise UsageError where JSON was asked for and the output itself goes to stdout."""
    if as_json and target == "-":
        raise UsageError("--json prints to stdout, where the output goes already: name a file for it")


def show_result(job: Any, result: Any) -> None:
    """Print what came of a job on one file as one JSON object."""
    show(json.dumps({"file": job.source, "output": job.target, **asdict(result)}))


def say(message: str, quiet: bool = False) -> None:
    """Print a message for the user on stderr, apart from data, with options in place of arguments.

    It is no error if nobody reads it.
    """
    if not quiet:
        with suppress(OSError):
            click.echo(f"codec: {quoted(in_options(message))}", err=True)


def say_notes(result: Any, quiet: bool) -> None:
    """Print the notes of what came of a job, and its warnings, which `quiet` does not silence."""
    for note in result.notes:
        say(note, quiet)
    for warning in result.warnings:
        say(f"warning: {warning}")


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

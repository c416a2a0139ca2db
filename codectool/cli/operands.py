"""Which names on a command line are inputs, and which is the output: no input is taken for one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

import click

from codectool.cli.options import default_target, expanded
from codectool.errors import UsageError
from codectool.files.outputs import make_folder

Decorated = TypeVar("Decorated", bound=Callable[..., object])

CODED_SUFFIX = ".ecdc"


@dataclass(frozen=True)
class Operands:
    """The inputs, and the output as it was named; None for the default beside each input."""

    sources: tuple[str, ...]
    target: str | None

    @property
    def folder(self) -> Path | None:
        """The folder that outputs go to, None if that is not what was named."""
        return Path(self.target) if self.target is not None and is_folder(self.target) else None

    def target_of_one(self, suffix: str, keep_suffix: bool = False) -> str:
        """Return the output of the only input: as named, in the folder named, or beside the input."""
        (source,) = self.sources
        if self.target is None:
            return source + suffix if keep_suffix and source != "-" else default_target(source, suffix)
        if self.folder is None or Path(source).is_dir():
            return self.target
        if source == "-":
            raise UsageError(f"{self.target}: is a folder, and stdin has no name; name a file in it")
        if Path(source).exists():  # else there will be no output
            make_folder(self.folder)
        name = PurePath(source).name
        return str(self.folder / (name + suffix if keep_suffix else PurePath(name).with_suffix(suffix)))


def pair_option(command: Decorated) -> Decorated:
    """Add the operands IN OUT and -o to a command, which gets them as `names` and `output`."""
    command = click.option("-o", "--output", metavar="OUT", help="The output, instead of a second name.")(
        command
    )
    return click.argument(
        "names", metavar="IN OUT", nargs=-1, required=True, type=click.Path(), callback=expanded
    )(command)


def operands_option(command: Decorated) -> Decorated:
    """Add IN... [OUT], -o and -c to a command, which gets them as `names`, `output` and `to_stdout`."""
    command = click.option("-c", "--stdout", "to_stdout", is_flag=True, help="The output is stdout.")(command)
    command = click.option(
        "-o", "--output", metavar="OUT", help="The output; for several inputs a folder, DIR/."
    )(command)
    return click.argument(
        "names", metavar="IN... [OUT]", nargs=-1, required=True, type=click.Path(), callback=expanded
    )(command)


def output_of(output: str | None, to_stdout: bool) -> str | None:
    """Return what -o or -c named; UsageError if both did."""
    if output is not None and to_stdout:
        raise UsageError("-o and -c both name the output; give one of them")
    return "-" if to_stdout else output


def encode_operands(names: tuple[str, ...], output: str | None) -> Operands:
    """Return what `codec encode` is to read and write; UsageError where that is not clear.

    The second of two operands is the output only if it cannot be a recording: an .ecdc, a folder, a device or
    `-`. So a pattern that the shell expands to two recordings never replaces one of them.
    """
    if output is not None and not is_folder(output) and is_recording(output):
        raise UsageError(f"{output}: is a recording by its name or content; name an {CODED_SUFFIX} file")
    coded = next(filter(_is_coded_name, names[1:]), None)
    if coded is not None and (output is not None or len(names) > 2):
        raise UsageError(f"{coded}: is no recording; name one output, or with -o a folder for several inputs")
    if output is not None or len(names) != 2:
        return _checked(Operands(names, output))
    first, second = names
    if Path(first).is_dir() or is_folder(second) or _is_device(second) or _is_coded_name(second):
        return Operands((first,), second)
    if not os.path.lexists(second) and not _is_audio_name(second):
        raise UsageError(f"{second}: there is no such file; if it is the output, write -o {second}")
    return _checked(Operands(names, None))


def decode_operands(names: tuple[str, ...], output: str | None) -> Operands:
    """Return what `codec decode` is to read and write; UsageError where that is not clear.

    The second of two operands is an input if it is an .ecdc file by name or content.
    """
    if output is not None and not is_folder(output) and is_coded(output):
        raise UsageError(f"{output}: is an {CODED_SUFFIX} file by its name or content; name an audio file")
    if output is not None or len(names) != 2:
        return _checked(Operands(names, output))
    first, second = names
    if Path(first).is_dir() or not is_coded(second):
        return Operands((first,), second)
    return _checked(Operands(names, None))


def pair_operands(names: tuple[str, ...], output: str | None, overwrite: bool) -> tuple[str, str]:
    """Return the one input and the one output of a command; UsageError for another number of names.

    An .ecdc file that was only named last, perhaps by a pattern, is no output to overwrite: -o names one.
    """
    expected = 2 if output is None else 1
    if len(names) != expected:
        raise UsageError(f"{len(names)} names: give IN OUT, or IN -o OUT")
    source, target = names[0], output if output is not None else names[1]
    if Path(target).is_dir() and source != "-" and Path(source).suffix == CODED_SUFFIX:
        target = str(Path(target, Path(source).name))
    is_other = Path(target).is_file() and not (Path(source).exists() and Path(source).samefile(target))
    if overwrite and output is None and is_other and is_coded(target):
        raise UsageError(
            f"{target}: is an {CODED_SUFFIX} file, perhaps an input; to replace it, write -o {target}"
        )
    return source, target


def coded_files(names: Iterable[str]) -> Iterator[str]:
    """Give the names, and for a folder the .ecdc files in it and below; UsageError for one without any."""
    from codectool.tokens.reading import is_data_set

    for name in names:
        if name == "-" or not Path(name).is_dir() or is_data_set(name):
            yield name
            continue
        found = sorted(str(path) for path in Path(name).rglob(f"*{CODED_SUFFIX}") if path.is_file())
        if not found:
            raise UsageError(f"{name}: is a folder without {CODED_SUFFIX} files")
        yield from found


def is_folder(name: str) -> bool:
    """Whether a name means a folder: it ends in a slash, or there is one."""
    return name.endswith(("/", os.sep)) or (name != "-" and Path(name).is_dir())


def is_recording(name: str) -> bool:
    """Whether a name ends like a recording, or there is one."""
    from codectool.audio.source import begins_like_audio

    return _is_audio_name(name) or begins_like_audio(_head(name))


def is_other_format(name: str, suffix: str) -> bool:
    """Whether a name ends like audio of another format than a suffix means."""
    return _is_audio_name(name) and PurePath(name).suffix.lower() != f".{suffix.lower().removeprefix('.')}"


def is_coded(name: str) -> bool:
    """Whether a name ends in .ecdc, or such a file is there."""
    from codectool.container.header import MAGIC

    return _is_coded_name(name) or _head(name).startswith(MAGIC)


def _checked(operands: Operands) -> Operands:
    if len(operands.sources) == 1:
        return operands
    if operands.target is not None and operands.folder is None:
        raise UsageError(f"-o {operands.target}: several inputs need a folder: write {operands.target}/")
    for name in operands.sources:
        if name == "-":
            raise UsageError("-: stdin cannot be one of several inputs; encode or decode it by itself")
        if Path(name).is_dir():
            raise UsageError(f"{name}: is a folder, and cannot be one of several inputs; -o names an output")
    return operands


def _is_coded_name(name: str) -> bool:
    return PurePath(name).suffix.lower() == CODED_SUFFIX


def _is_audio_name(name: str) -> bool:
    from codectool.audio.formats import FORMAT_OF_SUFFIX

    return PurePath(name).suffix.lower() in FORMAT_OF_SUFFIX


def _is_device(name: str) -> bool:
    """Whether a name is standard output, a device or a named pipe."""
    return name == "-" or (Path(name).exists() and not Path(name).is_file() and not Path(name).is_dir())


def _head(name: str) -> bytes:
    """Return the first bytes of a file, none of anything else."""
    try:
        if name == "-" or not Path(name).is_file():
            return b""
        with Path(name).open("rb") as file:
            return file.read(12)
    except OSError:
        return b""

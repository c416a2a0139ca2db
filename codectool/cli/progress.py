"""Progress on a terminal: how far a file has come, and how long it will take, in 60 columns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from codectool.cli.options import quoted
from codectool.errors import CodecError

if TYPE_CHECKING:
    from codectool.pipeline import DecodeJob, EncodeJob

COLUMNS = 60
NAME_COLUMNS = 20
OF_KNOWN_LENGTH = "{desc} {percentage:3.0f} %, {n:.0f} of {total:.0f} s, {remaining} left"
OF_UNKNOWN_LENGTH = "{desc} {n:.0f} s of audio in {elapsed}"
OF_FILES = "{n_fmt} of {total_fmt} files{postfix}, {remaining} left"


@contextmanager
def progress_bar(
    source: str, quiet: bool, duration_s: Callable[[], float | None] = lambda: None
) -> Iterator[Callable[[float], None] | None]:
    """Give a function that shows the seconds done, or None where nobody would see it.

    `duration_s` gives how long the whole is, and is asked only where that is shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    total_s = duration_s()
    form = OF_UNKNOWN_LENGTH if total_s is None else OF_KNOWN_LENGTH
    with _bar(desc=_short(source), total=total_s, bar_format=form) as bar:

        def show(seconds: float) -> None:
            bar.update(min(seconds, total_s or seconds) - bar.n)

        yield show


def files_bar(files: int, hidden: bool) -> Any:
    """Return a bar that counts files, a context manager."""
    return _bar(total=files, bar_format=OF_FILES, disable=hidden or not sys.stderr.isatty())


def duration_of_recording(job: EncodeJob) -> float | None:
    """Return how long a recording says it is, None if it does not or is no file."""
    from codectool.audio.source import open_source

    with suppress(CodecError, OSError):
        if Path(job.source).is_file():
            with open_source(job.source, raw=job.raw) as source:
                return None if source.length_samples is None else source.length_samples / source.rate_hz
    return None


def duration_of_coded(job: DecodeJob) -> float | None:
    """Return how long what will be decoded is, by the size of the file, None if that cannot be told."""
    from codectool.container import Header, open_reader
    from codectool.container.packets import duration_of

    if job.duration_s is not None:
        return job.duration_s
    with suppress(CodecError, OSError):
        path = Path(job.source)
        if path.is_file():
            with path.open("rb") as stream:
                header = open_reader(stream).header
            if isinstance(header, Header):
                whole_s = duration_of(header, path.stat().st_size)
                return max(0.0, whole_s - job.start_s)
    return None


def _bar(**options: Any) -> Any:
    from tqdm import tqdm

    return tqdm(ncols=COLUMNS, leave=False, **options)


def _short(source: str) -> str:
    name = quoted(PurePath(source).name)
    return name if len(name) <= NAME_COLUMNS else f"{name[: NAME_COLUMNS - 3]}..."

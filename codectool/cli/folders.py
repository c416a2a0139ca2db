"""Folders on the command line: the options that encode and decode share, and what is shown of a run."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from codectool.cli.options import quoted, say, show
from codectool.cli.words import in_options
from codectool.engines.threads import usable_cores
from codectool.errors import UsageError
from codectool.files.inputs import open_input
from codectool.files.streams import as_file_error, flushed, standard_output

if TYPE_CHECKING:
    from codectool.batch import BatchJob, Outcome, Plan, Report
    from codectool.cli.operands import Operands
    from codectool.pipeline import DecodeJob, EncodeJob

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

SECONDS_IN_HOUR = 3600
PROGRESS = "{percentage:3.0f} % |{bar}| {n_fmt} of {total_fmt} files{postfix}, {remaining} left"
WORKERS_MAX = 60  # Windows waits for 63 at once
OPTIONS = (
    click.option("-r", "--recursive", is_flag=True, help="Folder: with its subfolders."),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Folder: only such files; may be repeated."
    ),
    click.option("--files-from", metavar="LIST", help="Folder: only files listed in LIST (- is stdin)."),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        metavar="N",
        help="Folder: processes [default: one a core, one for a GPU].",
    ),
    click.option(
        "--skip-existing", is_flag=True, help="Folder: leave any output that is there, even another."
    ),
    click.option("--dry-run", is_flag=True, help="Folder: print what would be done, and do nothing."),
    click.option("--report", metavar="FILE", help="Folder: append a line of JSON to FILE for every file."),
)


@dataclass(frozen=True)
class FolderOptions:
    """What was asked for a folder, and does not concern a single file."""

    recursive: bool
    include: tuple[str, ...]
    files_from: str | None
    jobs: int | None
    skip_existing: bool
    dry_run: bool
    report: str | None

    def refuse(self, source: str) -> None:
        """Raise UsageError if any was given, for a source that is not a folder."""
        self._refuse(source, [option.name for option in fields(self)], "folders and several inputs")

    def refuse_search(self, source: str) -> None:
        """Raise UsageError if any was given that says which files, for files that are named."""
        self._refuse(source, ["recursive", "include", "files_from"], "folders")

    def _refuse(self, source: str, names: list[str], what: str) -> None:
        for name in names:
            if getattr(self, name):
                raise UsageError(f"--{name.replace('_', '-')} is for {what}, but {source} is not one")


def folder_options(command: Decorated) -> Decorated:
    """Add the options to a command, which gets them as one, `folder`."""

    @functools.wraps(command)
    def with_options(**given: Any) -> Any:
        folder = FolderOptions(**{option.name: given.pop(option.name) for option in fields(FolderOptions)})
        return command(folder=folder, **given)

    decorated: Any = with_options
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]  # the same command with more options


def run_files(
    each: EncodeJob | DecodeJob, operands: Operands, suffix: str, folder: FolderOptions, quiet: bool
) -> int:
    """Do several files, as a folder is done; give the exit code."""
    folder.refuse_search(operands.sources[0])
    from codectool import batch

    job = batch.BatchJob(
        each, suffix, skip_existing=folder.skip_existing, workers=folder.jobs or _workers(each.device)
    )
    return _run_plan(job, batch.plan_files(job, operands.sources, operands.folder), folder, quiet)


def run_folder(each: EncodeJob | DecodeJob, suffix: str, folder: FolderOptions, quiet: bool) -> int:
    """Do a folder, saying what fails as it does and a summary at the end; give the exit code."""
    if each.target == "-":
        raise UsageError("-: many outputs cannot go to stdout; name a folder for them")
    if folder.files_from is not None and (folder.include or folder.recursive):
        raise UsageError("--files-from says which files, so -r and --include have no meaning; leave them out")
    from codectool import batch

    job = batch.BatchJob(
        each=each,
        suffix=suffix,
        recursive=folder.recursive,
        include=folder.include,
        files=None if folder.files_from is None else _listed_in(folder.files_from),
        skip_existing=folder.skip_existing,
        workers=folder.jobs or _workers(each.device),
    )
    return _run_plan(job, batch.plan(job), folder, quiet)


def _run_plan(job: BatchJob, plan: Plan, folder: FolderOptions, quiet: bool) -> int:
    from codectool import batch

    with ExitStack() as opened:
        report = batch.Report(open_report(folder.report, opened), len(plan.items))
        listing = folder.dry_run and folder.report != "-"
        # Also of what was done before Ctrl-C, but not after an error that let nothing begin.
        opened.callback(lambda: say(report.summary(), quiet or bool(plan.items and not report.counts)))
        record = opened.enter_context(_shown(report, len(plan.items), quiet, listing))
        (batch.preview if folder.dry_run else batch.run)(job, plan, record)
    return report.exit_code


def _listed_in(name: str) -> tuple[str, ...]:
    """Return the lines of a list; names of files are bytes, and need not be text."""
    with open_input(name) as stream:
        listed = stream.read()
    if b"\0" in listed:
        raise UsageError(f"--files-from {name}: holds zero bytes; write one name a line, in UTF-8")
    return tuple(os.fsdecode(line) for line in listed.splitlines() if line.strip())


def open_report(name: str | None, opened: ExitStack) -> BinaryIO | None:
    """Return a report to append to: a line is there whole or not at all."""
    if name is None:
        return None
    if name == "-":
        return flushed(standard_output(), "stdout")
    with as_file_error(name):
        return flushed(opened.enter_context(Path(name).open("ab", buffering=0)), name)


@contextmanager
def _shown(report: Report, files: int, quiet: bool, listing: bool) -> Iterator[Callable[[Outcome], None]]:
    """Give a function that counts an outcome and shows it: failures as lines, progress on a terminal."""
    from tqdm import tqdm

    hidden = quiet or listing or not sys.stderr.isatty()
    with tqdm(total=files, bar_format=PROGRESS, disable=hidden, leave=False) as bar:

        def record(outcome: Outcome) -> None:
            if outcome.error is not None:
                outcome = replace(outcome, error=in_options(outcome.error))
            report.add(outcome)
            if listing:
                line = f"{outcome.status.value}: {outcome.source} -> {outcome.target}"
                show(quoted(line) if sys.stdout.isatty() else os.fsencode(line))  # as ls does
            if outcome.error is not None:
                bar.clear()
                named = any(name and name in outcome.error for name in (outcome.source, outcome.target))
                say(outcome.error if named else f"{outcome.source}: {outcome.error}")
            for warning in outcome.warnings:
                if outcome.error is None or warning not in outcome.error:
                    bar.clear()
                    say(f"warning: {warning}")
            hours_a_second = report.times_real_time / SECONDS_IN_HOUR
            bar.set_postfix_str(f"{hours_a_second:.2g} h of audio a second", refresh=False)
            bar.update()

        yield record


def _workers(device: str) -> int:
    """Return how many processes do a folder if not told: a GPU would have to hold the model of each."""
    return min(usable_cores(), WORKERS_MAX) if device.startswith("cpu") else 1

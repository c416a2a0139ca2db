"""Folders on the command line: the options that encode and decode share, and what is shown of a run."""

from __future__ import annotations

import codecs
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from codectool.cli.options import ending_by_signals, quoted, refuse_json_beside, say, show
from codectool.cli.progress import files_bar
from codectool.cli.sections import Option
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
WORKERS_MAX = 60  # Windows waits for 63 at once
MANY = "Folders and several inputs"
FOR_ONE_TOO = ("skip_existing", "keep_suffix", "remove")


def _option(*names: str, **kwargs: Any) -> Callable[[Decorated], Decorated]:
    return click.option(*names, cls=Option, section=MANY, **kwargs)


OPTIONS = (
    _option("-r", "--recursive", is_flag=True, help="With the subfolders."),
    _option("--include", multiple=True, metavar="GLOB", help="Only such files; may be repeated."),
    _option("--files-from", metavar="LIST", help="Only files listed in LIST (- is stdin), a line each."),
    _option("-0", "--null", is_flag=True, help="Names in LIST end in a zero byte, as find -print0 has them."),
    _option("--keep-suffix", is_flag=True, help="Call outputs as a.wav.ecdc, not a.ecdc."),
    _option("-n", "--skip-existing", is_flag=True, help="Leave any output that is there, even another."),
    _option(
        "--rm", "remove", is_flag=True, help="Remove each input when its output was written and checked."
    ),
    _option(
        "--jobs", type=click.IntRange(1), metavar="N", help="Processes [default: one a core, one for a GPU]."
    ),
    _option("--dry-run", is_flag=True, help="Print what would be done, and do nothing."),
    _option("--report", metavar="FILE", help="Append a line of JSON to FILE (- is stdout) for every file."),
)


@dataclass(frozen=True)
class FolderOptions:
    """What was asked for many files, and for the most part does not concern a single one."""

    recursive: bool
    include: tuple[str, ...]
    files_from: str | None
    null: bool
    keep_suffix: bool
    skip_existing: bool
    remove: bool
    jobs: int | None
    dry_run: bool
    report: str | None

    def refuse(self, source: str) -> None:
        """Raise UsageError if any was given that means nothing for a single file."""
        names = [option.name for option in fields(self) if option.name not in FOR_ONE_TOO]
        self._refuse(source, names, "folders and several inputs")

    def refuse_search(self, source: str) -> None:
        """Raise UsageError if any was given that says which files, for files that are named."""
        self._refuse(source, ["recursive", "include", "files_from", "null"], "folders")

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


def run_inputs(
    each: EncodeJob | DecodeJob,
    operands: Operands,
    suffix: str,
    folder: FolderOptions,
    do_one: Callable[[Any, bool, bool], int],
    quiet: bool,
    as_json: bool,
) -> int:
    """Do several files, a folder, or one file by `do_one(job, quiet, as_json)`; give the exit code."""
    source, several = operands.sources[0], len(operands.sources) > 1
    if as_json and (several or Path(source).is_dir()):
        raise UsageError("--json is for one file; --report - prints a line of JSON for each of many")
    if several:
        return _run_files(each, operands, suffix, folder, quiet)
    if Path(source).is_dir():
        if operands.target is None:
            raise UsageError(f"{source}: is a folder; name another one for the outputs")
        return _run_folder(each, suffix, folder, quiet)
    folder.refuse(source)
    refuse_json_beside(each.target, as_json)
    return _run_one(each, folder, quiet, lambda: do_one(each, quiet, as_json))


def _run_files(
    each: EncodeJob | DecodeJob, operands: Operands, suffix: str, folder: FolderOptions, quiet: bool
) -> int:
    """Do several files, as a folder is done; give the exit code."""
    folder.refuse_search(operands.sources[0])
    from codectool import batch

    job = _batch_job(each, suffix, folder)
    return _run_plan(job, batch.plan_files(job, operands.sources, operands.folder), folder, quiet)


def _run_folder(each: EncodeJob | DecodeJob, suffix: str, folder: FolderOptions, quiet: bool) -> int:
    """Do a folder, saying what fails as it does and a summary at the end; give the exit code."""
    if each.target == "-":
        raise UsageError("-: many outputs cannot go to stdout; name a folder for them")
    if folder.files_from is not None and (folder.include or folder.recursive):
        raise UsageError("--files-from says which files, so -r and --include have no meaning; leave them out")
    from codectool import batch

    job = _batch_job(each, suffix, folder)
    return _run_plan(job, batch.plan(job), folder, quiet)


def _run_one(each: EncodeJob | DecodeJob, folder: FolderOptions, quiet: bool, work: Callable[[], int]) -> int:
    """Do the work of a single file, unless it is there and to be left; remove the input if asked to."""
    if folder.skip_existing and each.target != "-" and Path(each.target).exists():
        say(f"{each.target}: is there already", quiet)
        return 0
    if folder.remove:
        refuse_removal(each)
    code = ending_by_signals(each.source, work)
    if folder.remove and code == 0:
        from codectool import batch

        batch.remove_source(each)
        say(f"{each.source}: removed", quiet)
    return code


def refuse_removal(each: EncodeJob | DecodeJob) -> None:
    """Raise UsageError where what was written could not stand for the input."""
    if "-" in (each.source, each.target):
        raise UsageError("--rm is for files: what went through a pipe cannot be checked")
    if getattr(each, "start_s", 0) or getattr(each, "duration_s", None) is not None:
        raise UsageError("--rm removes whole inputs, and --start and --duration write a part: leave one out")


def _batch_job(each: EncodeJob | DecodeJob, suffix: str, folder: FolderOptions) -> BatchJob:
    from codectool import batch

    if folder.remove:
        refuse_removal(each)
        if folder.skip_existing:
            raise UsageError("--rm and --skip-existing together would remove inputs of outputs not looked at")
    return batch.BatchJob(
        each=each,
        suffix=suffix,
        recursive=folder.recursive,
        include=folder.include,
        files=None if folder.files_from is None else _listed_in(folder.files_from, folder.null),
        skip_existing=folder.skip_existing,
        keep_suffix=folder.keep_suffix,
        remove=folder.remove,
        workers=folder.jobs or _workers(each.device),
    )


def _run_plan(job: BatchJob, plan: Plan, folder: FolderOptions, quiet: bool) -> int:
    from codectool import batch

    with ExitStack() as opened:
        report = batch.Report(open_report(folder.report, opened), len(plan.items) + len(plan.refused))
        listing = folder.dry_run and folder.report != "-"
        # Also of what was done before Ctrl-C, but not after an error that let nothing begin.
        opened.callback(lambda: _say_summary(report, plan, quiet or bool(plan.items and not report.counts)))
        shown = opened.enter_context(_shown(report, len(plan.items), quiet, listing))
        (batch.preview if folder.dry_run else batch.run)(job, plan, *shown)
    return report.exit_code


def _say_summary(report: Report, plan: Plan, quiet: bool) -> None:
    say(report.summary(), quiet)
    if report.mixed_files:
        from codectool.pipeline.planning import STEREO_HINT

        say(f"recordings in stereo mixed to mono: {report.mixed_files} ({STEREO_HINT})", quiet)
    if plan.left_out:
        say(_left_out(plan), quiet)


def _left_out(plan: Plan) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in plan.left_out)
    more = (
        "; `ffmpeg -i IN -f wav - | codec encode - OUT` takes others" if plan.are_recordings_left_out else ""
    )
    return f"left out: {counts}{more}"


def _listed_in(name: str, null: bool) -> tuple[str, ...]:
    """Return the names in a list; they are bytes, and need not be text."""
    with open_input(name) as stream:
        listed = stream.read().removeprefix(codecs.BOM_UTF8)
    if null:
        return tuple(os.fsdecode(entry) for entry in listed.split(b"\0") if entry)
    if b"\0" in listed:
        raise UsageError(
            f"--files-from {name}: holds zero bytes; say --null, or write a name a line, in UTF-8"
        )
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
def _shown(
    report: Report, files: int, quiet: bool, listing: bool
) -> Iterator[tuple[Callable[[Outcome], None], Callable[[float], None]]]:
    """Give a function that counts an outcome and shows it, and one that shows how far files have come.

    Failures and warnings are lines, progress is shown on a terminal.
    """
    with files_bar(files, quiet or listing) as bar:

        def record(outcome: Outcome) -> None:
            if outcome.error is not None:
                outcome = replace(outcome, error=in_options(outcome.error))
            report.add(outcome)
            bar.clear()
            if listing:
                line = f"{outcome.status.value}: {outcome.source} -> {outcome.target}"
                show(quoted(line) if sys.stdout.isatty() else os.fsencode(line))  # as ls does
            if outcome.error is not None:
                named = any(name and name in outcome.error for name in (outcome.source, outcome.target))
                say(outcome.error if named else f"{outcome.source}: {outcome.error}")
            for warning in outcome.warnings:
                if outcome.error is None or warning not in outcome.error:
                    say(f"warning: {warning}")
            bar.update()
            move(0.0)

        def move(in_work_s: float) -> None:
            done_h = (report.duration_s + in_work_s) / SECONDS_IN_HOUR
            hours_a_second = report.times_real_time_with(in_work_s) / SECONDS_IN_HOUR
            bar.set_postfix_str(f"{done_h:.2f} h of audio, {hours_a_second:.2g} h a second")

        yield record, move


def _workers(device: str) -> int:
    """Return how many processes do a folder if not told: a GPU would have to hold the model of each."""
    return min(usable_cores(), WORKERS_MAX) if device.startswith("cpu") else 1

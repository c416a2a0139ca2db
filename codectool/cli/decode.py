"""codec decode"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codectool.cli.folders import FolderOptions, folder_options, run_inputs
from codectool.cli.operands import CODED_SUFFIX, decode_operands, is_other_format, operands_option, output_of
from codectool.cli.options import (
    Time,
    language_model_options,
    model_options,
    say,
    say_notes,
    show_result,
    threads_option,
)
from codectool.cli.progress import duration_of_coded, progress_bar
from codectool.cli.sections import Command
from codectool.cli.token_sets import decode_token_set
from codectool.errors import DataError, UsageError

if TYPE_CHECKING:
    from codectool.pipeline import DecodeJob


@click.command(cls=Command)
@operands_option
@click.option("--subtype", help="Sample type of OUT, as PCM_16, PCM_24 or FLOAT.")
@click.option("--raw", metavar="FORMAT", help="Write headerless PCM: s16le, f32le, mulaw and so on.")
@click.option("--start", "start_s", type=Time(), default=0.0, help="Where to begin, as 90 or 1:30.")
@click.option("--duration", "duration_s", type=Time(), help="How much to decode [default: all].")
@click.option(
    "--strict", is_flag=True, help="Write nothing if IN is damaged; from pipe to pipe, nothing after damage."
)
@click.option(
    "--header-from",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Read IN, whose header is lost, with that of a file encoded alike: same options, rate and channels.",
)
@model_options(None)
@language_model_options
@threads_option
@click.option("--to", metavar="SUFFIX", help="What outputs are, as flac or ogg [default: by OUT, or wav].")
@folder_options
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@click.option("-f", "--force", "overwrite", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and warnings.")
def decode(
    names: tuple[str, ...],
    output: str | None,
    to_stdout: bool,
    as_json: bool,
    to: str | None,
    folder: FolderOptions,
    quiet: bool,
    **given: Any,
) -> int:
    """Decompress IN to OUT (default: IN with .wav; FLAC and OGG by suffix). `-` is stdin or stdout.

    If IN is a folder, its .ecdc files become the files of a folder OUT. Several IN each become a file beside
    them, or in DIR with -o DIR/. Of many files those that are done already are skipped, or made anew by -f.
    A shard of tokens, or a folder of them, becomes the files of a folder OUT, too.
    """
    from codectool.pipeline import DecodeJob

    own_suffix = ".wav" if given["raw"] is None else ".raw"
    suffix = f".{(to or own_suffix).removeprefix('.')}"
    operands = decode_operands(names, output_of(output, to_stdout))
    source = operands.sources[0]
    several = len(operands.sources) > 1
    if not several and _is_token_set(source):
        folder.refuse(source)
        return decode_token_set(source, operands.target, to, quiet, given)
    if (
        to is not None
        and operands.target is not None
        and not several
        and is_other_format(operands.target, to)
    ):
        raise UsageError(f"--to {to}, but {operands.target} ends otherwise; leave one out")
    target = "" if several else operands.target_of_one(suffix, folder.keep_suffix)
    job = DecodeJob(source=source, target=target, suffix=None if to is None else suffix, **given)
    return run_inputs(job, operands, suffix, folder, _decode_file, quiet, as_json)


def _is_token_set(source: str) -> bool:
    """Tell whether an input is tokens; the usual ones need not wait for what knows their formats."""
    if source == "-" or (source.endswith(CODED_SUFFIX) and not Path(source).is_dir()):
        return False
    from codectool.tokens.reading import is_data_set

    return is_data_set(source)


def _decode_file(job: DecodeJob, quiet: bool, as_json: bool) -> int:
    """Decode one file and say how it went."""
    from codectool import pipeline

    with progress_bar(job.source, quiet, lambda: duration_of_coded(job)) as progress:
        result = pipeline.decode(job, progress)
    say_notes(result, quiet)
    for damage in result.damage:
        say(f"{job.source}: {damage}")
    if as_json:
        show_result(job, result)
        quiet = True
    say(
        f"{job.target}: {result.duration_s:.2f} s at {result.rate_hz} Hz, "
        f"{result.duration_s / result.elapsed_s:.1f} times real time",
        quiet,
    )
    return DataError.exit_code if result.damage else 0

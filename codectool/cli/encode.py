"""codec encode"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from codectool.cli.folders import FolderOptions, folder_options, run_inputs
from codectool.cli.operands import encode_operands, operands_option, output_of
from codectool.cli.options import (
    Rate,
    SampleRate,
    language_model_options,
    model_options,
    say,
    say_notes,
    show_result,
    threads_option,
)
from codectool.cli.progress import duration_of_recording, progress_bar
from codectool.cli.sections import Command, Option
from codectool.models.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from codectool.audio.pcm import RawFormat
    from codectool.pipeline import EncodeJob, EncodeResult


RAW = "Headerless input"


@click.command(cls=Command)
@operands_option
@click.option(
    "-b",
    "--bitrate",
    "rate_bps",
    type=Rate(),
    help="Bit rate, as 6kbps, 6k or 6000 [default: 6kbps or next].",
)
@click.option("--levels", type=int, help="Number of codebook levels, instead of a rate.")
@click.option(
    "--raw",
    cls=Option,
    section=RAW,
    metavar="FORMAT",
    help="IN is headerless PCM, by ffmpeg's names: s16le, s24be, f32le, u8, mulaw and so on.",
)
@click.option(
    "--sample-rate",
    "--rate",
    "raw_rate_hz",
    type=SampleRate(),
    cls=Option,
    section=RAW,
    metavar="HZ",
    help="Its sample rate, as 44100 or 44.1k.",
)
@click.option(
    "--raw-channels", type=int, cls=Option, section=RAW, metavar="N", help="Its number of channels."
)
@click.option(
    "--channels",
    "channel_words",
    multiple=True,
    metavar="[mix|keep]",
    help="Mix all to what the model takes (default), or keep each apart, up to 8, which share the rate.",
)
@click.option(
    "--low-latency",
    is_flag=True,
    help="Packets of 27 ms instead of 1 s: 53 ms of delay instead of 1.03 s, for 3.9 kbps more.",
)
@click.option(
    "--strict", is_flag=True, help="Write nothing if something is wrong with IN, as cut or broken samples."
)
@click.option("--tag", "tags", multiple=True, help="A tag as key=value, besides those of IN; key= drops one.")
@click.option(
    "--container",
    type=click.Choice(["v0", "v1"]),
    default="v1",
    show_default=True,
    help="Version of the file: v0 is EnCodec's own, for its models.",
)
@language_model_options
@model_options(DEFAULT_MODEL)
@threads_option
@folder_options
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@click.option("-f", "--force", "overwrite", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors and warnings.")
def encode(
    names: tuple[str, ...],
    output: str | None,
    to_stdout: bool,
    as_json: bool,
    raw: str | None,
    raw_rate_hz: int | None,
    raw_channels: int | None,
    channel_words: tuple[str, ...],
    tags: tuple[str, ...],
    folder: FolderOptions,
    quiet: bool,
    **given: Any,
) -> int:
    """Compress audio IN to OUT (default: IN with .ecdc). `-` is stdin or stdout.

    If IN is a folder, its audio files become the files of a folder OUT. Several IN each become a file beside
    them, or in DIR with -o DIR/. Of many files those that are done already are skipped, or made anew by -f.
    """
    if given["levels"] is not None and given["rate_bps"] is not None:
        raise click.UsageError("--levels and --bitrate say the same thing; give one of them")
    if not all("=" in tag for tag in tags):
        raise click.UsageError("--tag takes key=value")
    from codectool.pipeline import EncodeJob

    keep_channels, raw_channels = _channels(channel_words, raw_channels)
    operands = encode_operands(names, output_of(output, to_stdout))
    source = operands.sources[0]
    several = len(operands.sources) > 1
    job = EncodeJob(
        source=source,
        target="" if several else operands.target_of_one(".ecdc", folder.keep_suffix),
        raw=_raw_format(raw, raw_rate_hz, raw_channels),
        keep_channels=keep_channels,
        tags=dict(tag.split("=", 1) for tag in tags),
        **given,
    )
    return run_inputs(job, operands, ".ecdc", folder, _encode_file, quiet, as_json)


def _encode_file(job: EncodeJob, quiet: bool, as_json: bool) -> int:
    """Encode one file and say how it went."""
    from codectool import pipeline

    with progress_bar(job.source, quiet, lambda: duration_of_recording(job)) as progress:
        result = pipeline.encode(job, progress)
    say_notes(result, quiet)
    if as_json:
        show_result(job, result)
    else:
        say(_summary(job.target, result), quiet)
    return 0


def _channels(words: tuple[str, ...], raw_channels: int | None) -> tuple[bool, int | None]:
    """Return whether channels are kept, and how many raw input has, which --channels once told too."""
    numbers = [int(word) for word in words if word.isdecimal()]
    choices = [word for word in words if not word.isdecimal()]
    if len(choices) > 1 or not {"mix", "keep"}.issuperset(choices):
        raise click.UsageError("--channels is mix or keep; --raw-channels is the number of raw input")
    if len(numbers) + (raw_channels is not None) > 1:
        raise click.UsageError("the number of channels of raw input is given twice; --raw-channels is enough")
    return "keep" in choices, numbers[0] if numbers else raw_channels


def _raw_format(raw: str | None, rate_hz: int | None, channels: int | None) -> RawFormat | None:
    """Return what raw input is, None for a file that says so itself; UsageError for halves of an answer."""
    from codectool.audio.pcm import RawFormat

    if raw is None and (rate_hz is not None or channels is not None):
        raise click.UsageError("--sample-rate and --raw-channels describe raw input; they need --raw")
    if raw is not None and (rate_hz is None or channels is None):
        raise click.UsageError("--raw needs --sample-rate and --raw-channels: headerless PCM lacks them")
    return RawFormat(raw, rate_hz or 0, channels or 0) if raw is not None else None


def _summary(target: str, result: EncodeResult) -> str:
    """Return the one line that tells how an encode went."""
    return (
        f"{target}: {result.duration_s:.2f} s, {result.nominal_bps / 1000:g} kbps nominal, "
        f"{result.actual_bps / 1000:.2f} kbps actual, "
        f"{result.pcm_bytes / result.bytes_written:.1f} times smaller than 16-bit PCM, "
        f"{result.duration_s / result.elapsed_s:.1f} times real time"
    )

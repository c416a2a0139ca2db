"""codec encode"""

from __future__ import annotations

from pathlib import Path

import click

from codectool.cli.options import Rate, default_target, model_options, progress_bar, say
from codectool.models.registry import DEFAULT_MODEL


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="[OUT]", required=False)
@click.option(
    "-b", "--bitrate", "rate_bps", type=Rate(), help="Bit rate, as 6kbps, 6k, 6000 or 6 [default: 6kbps]."
)
@click.option("--levels", type=int, help="Number of codebook levels, instead of a rate.")
@click.option("--raw", help="IN is headerless PCM: s16le, s24le or f32le.")
@click.option("--rate", "raw_rate_hz", type=int, help="Sample rate of raw input, in Hz.")
@click.option("--channels", "raw_channels", type=int, help="Channels of raw input.")
@model_options(DEFAULT_MODEL)
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def encode(
    source: str,
    target: str | None,
    rate_bps: float | None,
    levels: int | None,
    raw: str | None,
    raw_rate_hz: int | None,
    raw_channels: int | None,
    model: str,
    weights: Path | None,
    device: str,
    force: bool,
    quiet: bool,
) -> None:
    """Compress audio IN to OUT (default: IN with .ecdc). `-` is stdin or stdout."""
    if levels is not None and rate_bps is not None:
        raise click.UsageError("--levels and --bitrate say the same thing; give one of them")
    if raw is None and (raw_rate_hz is not None or raw_channels is not None):
        raise click.UsageError("--rate and --channels describe raw input; they need --raw")
    if raw is not None and (raw_rate_hz is None or raw_channels is None):
        raise click.UsageError("--raw needs --rate and --channels: headerless PCM does not say them")
    from codectool import pipeline
    from codectool.audio.pcm import RawFormat

    job = pipeline.EncodeJob(
        source=source,
        target=target or default_target(source, ".ecdc"),
        levels=levels,
        rate_bps=rate_bps,
        model=model,
        weights=weights,
        device=device,
        overwrite=force,
        raw=RawFormat(raw, raw_rate_hz or 0, raw_channels or 0) if raw is not None else None,
    )
    with progress_bar(source, quiet) as progress:
        result = pipeline.encode(job, progress)
    for note in result.notes:
        say(note, quiet)
    say(
        f"{job.target}: {result.duration_s:.2f} s, {result.nominal_bps / 1000:g} kbps nominal, "
        f"{result.actual_bps / 1000:.2f} kbps actual, "
        f"{result.pcm_bytes / result.bytes_written:.1f} times smaller than 16-bit PCM, "
        f"{result.duration_s / result.elapsed_s:.1f} times real time",
        quiet,
    )

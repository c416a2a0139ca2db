"""codec decode"""

from __future__ import annotations

from pathlib import Path

import click

from codectool.cli.options import default_target, model_options, progress_bar, say
from codectool.errors import DataError


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="[OUT]", required=False)
@click.option("--subtype", help="Sample type of OUT, as PCM_16, PCM_24 or FLOAT.")
@click.option("--raw", help="Write headerless PCM: s16le, s24le or f32le.")
@click.option("--strict", is_flag=True, help="Write nothing if IN is damaged.")
@model_options(None)
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def decode(
    source: str,
    target: str | None,
    subtype: str | None,
    raw: str | None,
    strict: bool,
    model: str | None,
    weights: Path | None,
    device: str,
    force: bool,
    quiet: bool,
) -> int:
    """Decompress IN to OUT (default: IN with .wav; FLAC and OGG by suffix). `-` is stdin or stdout."""
    from codectool import pipeline

    job = pipeline.DecodeJob(
        source=source,
        target=target or default_target(source, ".wav"),
        model=model,
        weights=weights,
        device=device,
        overwrite=force,
        subtype=subtype,
        raw=raw,
        strict=strict,
    )
    with progress_bar(source, quiet) as progress:
        result = pipeline.decode(job, progress)
    for note in result.notes:
        say(note, quiet)
    if result.clipped_samples:
        say(f"{job.target}: {result.clipped_samples} samples clipped", quiet)
    for damage in result.damage:
        say(f"{source}: {damage}")
    say(
        f"{job.target}: {result.duration_s:.2f} s at {result.rate_hz} Hz, "
        f"{result.duration_s / result.elapsed_s:.1f} times real time",
        quiet,
    )
    return DataError.exit_code if result.damage else 0

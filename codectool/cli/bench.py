"""codec bench"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from codectool.cli.options import bar, model_options, show
from codectool.models.registry import DEFAULT_MODEL


@click.command()
@model_options(DEFAULT_MODEL)
@click.option("--threads", type=click.IntRange(1), help="Threads for one file [default: one a core].")
@click.option(
    "--seconds", "duration_s", type=float, default=60, show_default=True, help="Length of the audio."
)
@click.option("--levels", type=int, default=8, show_default=True, help="Number of codebook levels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(as_json: bool, **given: Any) -> int:
    """Measure how fast this machine codes, and where the time goes, on audio made up for it.

    Rates are medians: in memory, from a 48 kHz stereo file to a file, and so by a process started for it,
    whose memory is given too. The split is of 48 kHz stereo, each part alone on one thread. A frame's times
    are those of single frames pushed alone, at the 50th and the 99th percentile.
    """
    from codectool.quality import bench

    result = bench.bench(bench.BenchJob(**given))
    if as_json:
        show(json.dumps(asdict(result)))
        return 0
    for name, value in result.facts.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        show(f"{name.replace('_', ' '):32} {shown}")
    for way, split in (("encode", result.encode_split_ms), ("decode", result.decode_split_ms)):
        total = sum(split.values())
        show(f"{way}, ms a second of audio:")
        for name, value in split.items():
            share = value / total
            show(f"  {name.replace('_', ' '):14} {value:7.3f}  {100 * share:3.0f} %  {bar(share)}".rstrip())
    return 0

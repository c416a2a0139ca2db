"""`codec listen`: a page on which to hear and see what codecs do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codectool.cli.options import model_options, say, show
from codectool.models.registry import DEFAULT_MODEL

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="RECORDING...")
@click.option(
    "-o", "--output", "target", type=PATH, default="listen.html", show_default=True, metavar="FILE.html"
)
@click.option("--rates", metavar="KBPS,...", help="Rates of the model [default: 1, 2, 4, 8, ... levels].")
@click.option("--against", metavar="NAME,...", help="These too, each at its own rates: opus,mp3,uncoded.")
@click.option("--start", "start_s", type=float, default=0, metavar="SECONDS", help="Where excerpts begin.")
@click.option(
    "--duration",
    "duration_s",
    type=float,
    default=8,
    show_default=True,
    metavar="SECONDS",
    help="At most 60.",
)
@click.option(
    "--scores",
    type=click.Choice(["quick", "all", "none"]),
    default="quick",
    show_default=True,
    help="All: ViSQOL too, which takes longer than the rest of the page.",
)
@model_options(DEFAULT_MODEL)
@click.option("--results", is_flag=True, help="Instead: a table of the results in these CSV files.")
@click.option("-f", "--force", is_flag=True, help="Overwrite FILE.html.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def listen(results: bool, quiet: bool, paths: tuple[Path, ...], **given: Any) -> None:
    """Make a page to hear and see what the levels do, with a blind test: one HTML file for any browser.

    It holds the sound of excerpts as FLAC at 48 kHz, some 300 kB for each version of 8 s, and needs no
    network. Listeners save what they answered as CSV; --results shows what many of them say:

    codec listen --results *.csv
    """
    if results:
        from codectool.quality.ratings import read_ratings, summarise

        show(summarise(read_ratings(paths)))
        return
    from codectool.quality.listening import ListenJob, make_page

    job = ListenJob(paths, **given)
    result = make_page(job, lambda name: say(name, quiet))
    for note in result.notes:
        say(note, quiet)
    size = f"{result.file_bytes / 1e6:.1f} MB"
    say(f"{job.target}: {result.recordings} recordings in {result.versions} versions, {size}", quiet)

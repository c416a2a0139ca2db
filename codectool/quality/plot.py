"""Rate-quality curves, drawn with matplotlib where it is installed."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codectool.errors import UsageError
from codectool.quality.codecs import UncodedCodec
from codectool.quality.table import Row, shown_metrics

UNCODED = UncodedCodec().name
SUFFIXES = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Raise UsageError where no plot can be drawn for this path: another suffix, or no matplotlib."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"`plot={path}`: name a file that ends in {', '.join(SUFFIXES)}")
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UsageError("`plot` needs matplotlib: pip install matplotlib") from error


def draw_plot(rows: Sequence[Row], suffix: str) -> bytes:
    """Draw each metric against the actual rate, a column a kind and a line a codec.

    Returns the bytes of a picture file of the format that `suffix`, one of SUFFIXES, stands for.
    """
    picture = io.BytesIO()
    draw_figure(rows).savefig(picture, format=suffix.removeprefix("."))
    return picture.getvalue()


def draw_figure(rows: Sequence[Row]) -> Any:
    """Return the figure: rates on a logarithmic axis; what is not coded is a level, without a rate."""
    figures: Any = importlib.import_module("matplotlib.figure")
    tickers: Any = importlib.import_module("matplotlib.ticker")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    codecs = list(dict.fromkeys(row.codec for row in rows))
    metrics = shown_metrics(rows)
    size_inches = (4 * len(kinds), 2.6 * len(metrics))
    figure = figures.Figure(figsize=size_inches, layout="constrained")
    panels = figure.subplots(len(metrics), len(kinds), sharex=True, sharey="row", squeeze=False)
    for line, metric in enumerate(metrics):
        panels[line][0].set_ylabel(metric.title)
        for column, kind in enumerate(kinds):
            for codec in codecs:
                points = [
                    ((row.actual_bps or 0) / 1000, row.means[metric.key].value)
                    for row in rows
                    if (row.kind, row.codec) == (kind, codec) and row.means[metric.key].value is not None
                ]
                if not points:
                    continue
                if codec == UNCODED:
                    panels[line][column].axhline(points[0][1], color="0.5", linestyle="--", label=codec)
                else:
                    panels[line][column].plot(*zip(*points, strict=True), marker="o", label=codec)
    for column, kind in enumerate(kinds):
        panels[0][column].set_title(kind)
        panels[-1][column].set_xlabel("kbps as written")
    axis = panels[0][0]
    axis.set_xscale("log", base=2)  # of all, for they share it
    axis.xaxis.set_major_formatter(tickers.StrMethodFormatter("{x:g}"))
    axis.legend()
    return figure

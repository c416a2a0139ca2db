"""Rate-quality curves, drawn with matplotlib where it is installed."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from codectool.errors import UsageError
from codectool.quality.codecs import UncodedCodec
from codectool.quality.table import Row, shown_metrics

UNCODED = UncodedCodec().name
SUFFIXES = (".png", ".svg", ".pdf")
MARKS = "osD^v<>"  # codecs differ in more than their colour


def check_plot(path: Path) -> None:
    """Raise UsageError where no plot can be drawn for this path: another suffix, or no matplotlib."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"`plot={path}`: name a file that ends in {', '.join(SUFFIXES)}")
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise UsageError("`plot` needs matplotlib: pip install matplotlib") from error


def draw_plot(rows: Sequence[Row], suffix: str) -> bytes:
    """Draw each metric against the actual rate, a column a metric, a row a kind and a line a codec.

    Returns the bytes of a picture file of the format that `suffix`, one of SUFFIXES, stands for.
    """
    picture = io.BytesIO()
    draw_figure(rows).savefig(picture, format=suffix.removeprefix("."))
    return picture.getvalue()


def draw_figure(rows: Sequence[Row]) -> Any:
    """Return the figure: rates on a logarithmic axis; what is not coded is a level, without a rate."""
    figures: Any = importlib.import_module("matplotlib.figure")
    kinds = list(dict.fromkeys(row.kind for row in rows))
    codecs = list(dict.fromkeys(row.codec for row in rows))
    metrics = shown_metrics(rows)
    figure = figures.Figure(figsize=(3.4 * len(metrics), 3.1 * len(kinds)), layout="constrained")
    panels = figure.subplots(len(kinds), len(metrics), sharex=True, sharey="col", squeeze=False)
    for kind, line in zip(kinds, panels, strict=True):
        for metric, panel in zip(metrics, line, strict=True):
            for codec, mark in zip(codecs, cycle(MARKS)):
                found = [row for row in rows if (row.kind, row.codec) == (kind, codec)]
                _draw_codec(panel, codec, mark, found, metric.key)
            panel.grid(alpha=0.3)
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_title(metric.title if len(kinds) == 1 else f"{metric.title}, {kind}")
    for panel in panels[-1]:
        panel.set_xlabel("kbps as written")
    first = panels[0][0]
    first.set_xscale("log", base=2)  # of all, for they share it
    first.xaxis.set_major_formatter(importlib.import_module("matplotlib.ticker").StrMethodFormatter("{x:g}"))
    first.legend(frameon=False)
    return figure


def _draw_codec(panel: Any, codec: str, mark: str, rows: Sequence[Row], key: str) -> None:
    """Draw one codec's line into one panel, if it has any points there."""
    means = [(row.actual_bps or 0, row.means[key].value) for row in rows]
    points = [(rate_bps / 1000, value) for rate_bps, value in means if value is not None]
    if points and codec == UNCODED:
        panel.axhline(points[0][1], color="0.5", linestyle="--", label=codec)
    elif points:
        panel.plot(*zip(*points, strict=True), marker=mark, label=codec)

"""Draw the logs of runs that followed each other: `python -m weights.recipe.plot OUT.png LOG.csv...`.

Above, the mel losses on held-out audio at three rates by kind; below, the losses in training. Needs
matplotlib.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from weights.recipe.validation import VALIDATED_LEVELS

Series = dict[tuple[str, str], list[tuple[int, float]]]
LOSSES_A_ROW = 4
SMOOTHED_POINTS = 20  # of training losses, whose batches differ much: the mean over so many points is drawn


def read(logs: list[Path]) -> tuple[Series, list[int]]:
    """Return the points of each (part, name), with steps counted through, and where each run began."""
    series: Series = defaultdict(list)
    starts, offset, last = [], 0, 0
    for log in logs:
        with log.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row and row[1].isdigit()]
        first = int(rows[0][1])
        if first < last:  # a run resumed from weights counts from zero, one from a checkpoint goes on
            offset += last
        starts.append(offset + first)
        for part, step, _, name, value in rows:
            last = int(step)
            series[part, name].append((offset + last, float(value)))
    return series, starts


def draw(series: Series, starts: list[int]) -> Figure:
    """Return the picture."""
    kinds = list(
        dict.fromkeys(name.split("_")[0] for part, name in series if part == "held_out" and "_" in name)
    )
    figure = Figure(figsize=(4 * len(kinds), 9), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 2))
    panels = upper.subplots(1, len(kinds), sharey=True)
    for panel, kind in zip(panels, kinds, strict=True):
        for levels in VALIDATED_LEVELS:
            if points := series["held_out", f"{kind}_{levels}"]:
                panel.plot(*zip(*points, strict=True), label=f"{levels * 0.75:g} kbps")
        panel.set_title(f"{kind}, held out")
    panels[0].set_ylabel("mel loss")
    panels[0].legend()
    losses = [name for part, name in series if part == "train" and name != "gradient_norm"]
    rows = -(-len(losses) // LOSSES_A_ROW)
    for place, name in enumerate(losses, start=1):
        panel = lower.add_subplot(rows, LOSSES_A_ROW, place)
        points = series["train", name]
        pieces = [points[i : i + SMOOTHED_POINTS] for i in range(0, len(points), SMOOTHED_POINTS)]
        means = [(piece[0][0], fmean(value for _, value in piece)) for piece in pieces]
        panel.plot(*zip(*means, strict=True))
        panel.set_title(f"{name}, training")
        panel.set_ylim(*spread([value for _, value in means]))
        panel.set_xlabel("steps")
        for start in starts[1:]:
            panel.axvline(start, color="grey", linewidth=0.5)
    return figure


def spread(values: list[float]) -> tuple[float, float]:
    """Return limits that show the later course, not the fall of the first steps."""
    later = sorted(values)[: max(1, round(0.95 * len(values)))]
    margin = 0.05 * (later[-1] - later[0]) + 1e-6
    return later[0] - margin, later[-1] + margin


def main() -> None:
    """Read, draw, write."""
    out, *logs = (Path(argument) for argument in sys.argv[1:])
    draw(*read(logs)).savefig(out, dpi=80)


if __name__ == "__main__":
    main()

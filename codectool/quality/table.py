"""Measurements, and the table of their means by codec, rate and kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from codectool.quality.metrics import Metric, Scores
from codectool.quality.stereo import ALL_METRICS
from codectool.quality.text_table import aligned

KNOWN_KINDS = ("speech", "music", "other")  # in this order, others after them


@dataclass(frozen=True)
class Measurement:
    """The scores of one file, and, where a codec was run, its name, its rate and what it wrote."""

    name: str
    kind: str
    duration_s: float
    scores: Scores
    notes: tuple[str, ...] = ()
    codec: str = ""
    nominal_bps: int | None = None
    bytes_written: int | None = None

    @property
    def actual_bps(self) -> float | None:
        return None if self.bytes_written is None else 8 * self.bytes_written / self.duration_s


@dataclass(frozen=True)
class Mean:
    """A mean and the number of values it rests on; `value` is None where there were none."""

    value: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """One line of the table: `files` measurements of one codec at one rate on one kind of audio."""

    codec: str
    nominal_bps: int | None
    actual_bps: float | None
    kind: str
    files: int
    means: dict[str, Mean]


def mean(values: Iterable[float | None]) -> Mean:
    """Average the values that are there and count them."""
    present = [value for value in values if value is not None]
    return Mean(fmean(present) if present else None, len(present))


def tabulate(measurements: Sequence[Measurement]) -> list[Row]:
    """Group measurements by kind, codec and nominal rate, in that order, codecs as they first came.

    The actual rate of a row is all its bits over all its seconds.
    """
    codecs = list(dict.fromkeys(one.codec for one in measurements))
    groups: dict[tuple[int, str, int, int], list[Measurement]] = {}
    for one in measurements:
        kind_rank = KNOWN_KINDS.index(one.kind) if one.kind in KNOWN_KINDS else len(KNOWN_KINDS)
        place = (kind_rank, one.kind, codecs.index(one.codec), one.nominal_bps or 0)
        groups.setdefault(place, []).append(one)
    return [_row(groups[place]) for place in sorted(groups)]


def _row(group: Sequence[Measurement]) -> Row:
    first = group[0]
    actual_bps = None
    if first.bytes_written is not None:
        bits = sum(8 * (one.bytes_written or 0) for one in group)
        actual_bps = bits / sum(one.duration_s for one in group)
    keys = dict.fromkeys(key for one in group for key in one.scores)
    means = {key: mean(one.scores.get(key) for one in group) for key in keys}
    return Row(first.codec, first.nominal_bps, actual_bps, first.kind, len(group), means)


def shown_metrics(rows: Sequence[Row]) -> list[Metric]:
    """List the metrics that any row holds, in their usual order."""
    return [metric for metric in ALL_METRICS if any(metric.key in row.means for row in rows)]


def layout(rows: Sequence[Row]) -> str:
    """Set rows as a text table; a mean over fewer values than the row has files carries their number."""
    metrics = shown_metrics(rows)
    with_codec = any(row.codec for row in rows)
    head = (["codec", "kbps", "actual"] if with_codec else []) + ["kind", "n"]
    lines = [head + [metric.title for metric in metrics]]
    for row in rows:
        rates = [_kbps(row.nominal_bps, 3), _kbps(row.actual_bps, 2)]
        cells = ([row.codec, *rates] if with_codec else []) + [row.kind, str(row.files)]
        lines.append(cells + [_cell(metric, row) for metric in metrics])
    left = {head.index(name) for name in ("codec", "kind") if name in head}
    return "\n".join(aligned(lines, left))


def _kbps(rate_bps: float | None, digits: int) -> str:
    if rate_bps is None:
        return ""
    exact = f"{rate_bps / 1000:.{digits}f}"
    return exact if isinstance(rate_bps, float) else exact.rstrip("0").rstrip(".")


def _cell(metric: Metric, row: Row) -> str:
    average = row.means.get(metric.key)
    if average is None or average.value is None:
        return "none"
    few = f" ({average.count})" if average.count < row.files else ""
    return f"{average.value:.{metric.digits}f}{few}"

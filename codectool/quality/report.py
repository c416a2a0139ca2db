"""What an evaluation found, as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from codectool.errors import CodecError
from codectool.quality.stereo import SIDE_LEVEL
from codectool.quality.table import Measurement, Row, layout, shown_metrics, tabulate

REMINDER = "Scores like these and ears can disagree: listen before you choose."
REMARKS_SHOWN = 8  # the most common ones; all are in the JSON
DATA_DIGITS = 4  # more would be noise, and would differ between machines


@dataclass(frozen=True)
class Failure:
    """A file that could not be scored, and why."""

    name: str
    error: CodecError


@dataclass(frozen=True)
class Report:
    """All that an evaluation found.

    `notes` are about the whole, those on a file are in its measurement; `left_out` says which of the codecs
    that were asked for are missing here, and is never quiet.
    """

    measurements: Sequence[Measurement]
    failures: Sequence[Failure]
    notes: Sequence[str]
    machine: dict[str, str]
    left_out: Sequence[str] = ()

    @property
    def rows(self) -> list[Row]:
        return tabulate(self.measurements)

    def text(self) -> str:
        """Give the result for a reader: one pair as a list, more as a table."""
        if not self.measurements:
            return ""
        rows = self.rows
        metrics = shown_metrics(rows)
        if len(self.measurements) == 1 and not rows[0].codec:
            scores = self.measurements[0].scores
            width = max(10, *(len(one.title) for one in metrics))
            return "\n".join(
                f"{one.title:<{width}} {_rounded(scores[one.key], one.digits)}" for one in metrics
            )
        lines = [layout(rows)]
        speech_only = [one.title for one in metrics if one.for_speech]
        if speech_only and any(row.kind != "speech" for row in rows):
            lines.append(f"Made for speech, and of little meaning elsewhere: {', '.join(speech_only)}.")
        if any(one.key == SIDE_LEVEL for one in metrics):
            lines.append(
                "side dB, side max dB: error of the side-to-mid level in octave bands, mean and largest."
            )
        if any(0 < average.count < row.files for row in rows for average in row.means.values()):
            lines.append("(k): a mean over the k files that the metric is defined for.")
        return "\n".join([*lines, REMINDER])

    def remarks(self) -> list[str]:
        """List what a reader should know about the result, with what many files share in one line."""
        shared = Counter(note for one in self.measurements for note in one.notes)
        total = len(self.measurements)
        common = shared.most_common(REMARKS_SHOWN)
        return [
            *self.notes,
            *(note if total == 1 else f"{note} ({count} of {total})" for note, count in common),
            *(
                [f"{len(shared) - len(common)} remarks more: all are in the JSON"]
                if len(shared) > len(common)
                else []
            ),
        ]

    def complaints(self) -> list[str]:
        """List what was left out or could not be scored and why, a line for each reason."""
        alike: dict[str, list[str]] = {}
        for failure in self.failures:
            alike.setdefault(str(failure.error), []).append(failure.name)
        return [*self.left_out] + [
            f"not scored: {_first_and_more(names)}: {reason}" for reason, names in alike.items()
        ]

    def json(self) -> str:
        """Give everything as one JSON object: `machine`, `table`, `files`, `failures`, `notes`."""
        whole = {
            "machine": self.machine,
            "table": [asdict(row) for row in self.rows],
            "files": [asdict(one) | {"actual_bps": one.actual_bps} for one in self.measurements],
            "failures": [{"name": one.name, "reason": str(one.error)} for one in self.failures],
            "notes": [*self.left_out, *self.notes],
        }
        return json.dumps(_rounded_within(whole), indent=2)

    def csv(self) -> str:
        """Give the table as CSV, the machine and versions before it in lines that begin with `#`."""
        out = io.StringIO()
        out.writelines(f"# {name}: {value}\n" for name, value in self.machine.items())
        rows = self.rows
        metrics = shown_metrics(rows)
        writer = csv.writer(out, lineterminator="\n")
        pairs = [name for metric in metrics for name in (metric.key, f"{metric.key}_count")]
        writer.writerow(["codec", "nominal_kbps", "actual_kbps", "kind", "files", *pairs])
        for row in rows:
            rates = [None if rate is None else rate / 1000 for rate in (row.nominal_bps, row.actual_bps)]
            means = [row.means[metric.key] for metric in metrics]
            cells = [cell for one in means for cell in (one.value, one.count)]
            line: list[object] = [row.codec, *rates, row.kind, row.files, *cells]
            writer.writerow([_rounded_within(cell) for cell in line])
        return out.getvalue()

    def raise_for_failures(self) -> None:
        """Raise CodecError where some file could not be scored."""
        if self.failures:
            total = len(self.failures) + len(self.measurements)
            raise CodecError(f"{len(self.failures)} of {total} measurements could not be made")


def _first_and_more(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _rounded(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _rounded_within(data: object) -> object:
    """Round every float in nested lists and dictionaries to DATA_DIGITS."""
    if isinstance(data, float):
        return round(data, DATA_DIGITS)
    if isinstance(data, dict):
        return {key: _rounded_within(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded_within(value) for value in data]
    return data

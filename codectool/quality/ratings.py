"""What listeners said on pages of `codec listen`: their CSV files, and the tables made of them."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from codectool.errors import DataError, UsageError
from codectool.files.inputs import open_file
from codectool.quality.text_table import aligned

COLUMNS = ("page", "listener", "test", "recording", "trial", "condition", "kbps", "value")
REFERENCE = "Original"
# BS.1534 leaves out who rates the hidden reference below 90 in more than 15 % of the recordings.
REFERENCE_LEAST, REFERENCE_MISSES_MAX = 90, 0.15
CONFIDENCE = 0.95
VALUES_BYTES_MAX = 16 << 20  # of a file: 100 000 answers and more


@dataclass(frozen=True)
class Rating:
    """One answer: of a blind test 0 to 100, of an ABX round 1 where it was right, else 0."""

    page: str
    listener: str
    test: str
    recording: str
    trial: int
    condition: str
    kbps: str
    value: float


def read_ratings(paths: Iterable[Path]) -> list[Rating]:
    """Read the answers of all files, each but once: the same file given twice does not count twice.

    FileError where a file cannot be read, DataError where it is not such a CSV file.
    """
    ratings: dict[Rating, None] = {}
    for path in paths:
        with open_file(path) as file:
            data = file.read(VALUES_BYTES_MAX + 1)
        try:
            if len(data) > VALUES_BYTES_MAX:
                raise ValueError("it is too large")
            lines = csv.DictReader(data.decode("utf-8-sig").splitlines(), strict=True)
            if lines.fieldnames is None or not set(COLUMNS) <= set(lines.fieldnames):
                raise ValueError(f"its first line is not {','.join(COLUMNS)}")
            ratings |= dict.fromkeys(_rating(line) for line in lines)
        except (ValueError, TypeError, csv.Error) as error:
            raise DataError(f"{path}: not results of a listening page: {error}") from error
    if not ratings:
        raise UsageError("no results there: give CSV files that a page of codec listen saved")
    return list(ratings)


def _rating(line: dict[str, str]) -> Rating:
    value, test = float(line["value"]), line["test"]
    if test not in ("mushra", "abx") or not 0 <= value <= (100 if test == "mushra" else 1):
        raise ValueError(f"a line says {test} {line['value']}")
    texts = (line["page"], line["listener"], test, line["recording"])
    return Rating(*texts, int(line["trial"]), line["condition"], line["kbps"], value)


def summarise(ratings: Sequence[Rating]) -> str:
    """Return the tables of both tests, for a reader; tests that nobody took are left out."""
    blind = [one for one in ratings if one.test == "mushra"]
    abx = [one for one in ratings if one.test == "abx"]
    parts = [*([_blind_table(blind)] if blind else []), *([_abx_table(abx)] if abx else [])]
    pages = len({one.page for one in ratings})
    if pages > 1:
        parts.append(f"The answers are to {pages} different pages, taken together here.")
    return "\n\n".join(parts)


def unreliable_listeners(ratings: Sequence[Rating]) -> set[str]:
    """Return who did not hear the hidden reference: under 90 in more than 15 % of the recordings."""
    references = defaultdict(list)
    for one in ratings:
        if one.condition == REFERENCE:
            references[one.listener].append(one.value < REFERENCE_LEAST)
    return {name for name, missed in references.items() if fmean(missed) > REFERENCE_MISSES_MAX}


def _blind_table(ratings: Sequence[Rating]) -> str:
    left_out = unreliable_listeners(ratings)
    kept = [one for one in ratings if one.listener not in left_out]
    note = f"left out by BS.1534's rule, as they rated the hidden reference under 90: {_named(left_out)}"
    if not kept:  # then there is nothing to leave them out of
        kept, note = list(ratings), f"all rated the hidden reference under 90: {_named(left_out)}"
    values = defaultdict(list)
    rates: defaultdict[str, list[float]] = defaultdict(list)
    for one in kept:
        values[one.condition].append(one.value)
        rates[one.condition] += [float(one.kbps)] if one.kbps else []
    lines = [["version", "kbps", "n", "mean", "95 % interval"]]
    for condition, given in sorted(values.items(), key=lambda item: -fmean(item[1])):
        kbps = f"{fmean(rates[condition]):.2f}" if rates[condition] else ""
        low, high = mean_interval(given)
        interval = f"{low:5.1f} to {high:5.1f}" if len(given) > 1 else "one answer"
        lines.append([condition, kbps, str(len(given)), f"{fmean(given):.1f}", interval])
    listeners = len({one.listener for one in kept})
    recordings = len({(one.page, one.recording) for one in kept})
    head = f"Blind test: {listeners} listeners, {recordings} recordings"
    return "\n".join([head, *aligned(lines), *([note] if left_out else [])])


def _abx_table(ratings: Sequence[Rating]) -> str:
    lines = [["A | B", "rounds", "right", "95 % interval", "p by guessing"]]
    values = defaultdict(list)
    for one in ratings:
        values[one.condition].append(one.value)
    for pair, given in sorted(values.items()):
        right, rounds = round(sum(given)), len(given)
        low, high = share_interval(right, rounds)
        share = f"{100 * right / rounds:.0f} %"
        chance = f"{guessing_probability(right, rounds):.4f}"
        lines.append([pair, str(rounds), share, f"{100 * low:3.0f} to {100 * high:3.0f} %", chance])
    return "\n".join([f"ABX: {len({one.listener for one in ratings})} listeners", *aligned(lines)])


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted("".join(c for c in name if c.isprintable()) for name in names))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of a mean by Student's t; of one value, that value twice."""
    mean = fmean(values)
    if len(values) < 2:
        return mean, mean
    half = student_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def share_interval(right: int, rounds: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Wilson's score."""
    z = 1.959964
    centre = (right + z * z / 2) / (rounds + z * z)
    half = z / (rounds + z * z) * math.sqrt(right * (rounds - right) / rounds + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def guessing_probability(right: int, rounds: int) -> float:
    """Return how likely so many right answers, or more, are where each is right by chance of a half."""
    ways: int = sum(math.comb(rounds, k) for k in range(right, rounds + 1))
    return ways / 2.0**rounds


def student_quantile(freedom: int) -> float:
    """Return t such that 95 % of Student's distribution with so many degrees of freedom lies within ±t."""
    low, high = 0.0, 13.0  # with one degree of freedom it is 12.7
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_within(middle, freedom) < CONFIDENCE else (low, middle)
    return high


def _student_within(t: float, freedom: int) -> float:
    """Return the share within ±t. Source: Abramowitz and Stegun, 26.7.3 and 26.7.4, exact for integers."""
    theta = math.atan(t / math.sqrt(freedom))
    cosine, term, total = math.cos(theta), 1.0, 0.0
    odd = freedom % 2
    if odd:
        term = cosine
    for k in range(2 if odd else 1, freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    if odd:
        return 2 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total

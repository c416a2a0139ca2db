"""What came of each file, counted and written down as it happens."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from codectool.errors import CodecError, FileError


class Status(str, Enum):
    """What came of a file; `damaged` means that what could be saved was written."""

    DONE = "done"
    SKIPPED = "skipped"
    PLANNED = "planned"
    DAMAGED = "damaged"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What came of one file; size and rate are those of the .ecdc, in either direction.

    `loses_stereo` says that two channels were mixed that another model here would have kept, and `ends_run`
    that the same would come of all other files, as on a full disk.
    """

    source: str
    target: str
    status: Status
    duration_s: float | None = None
    coded_bytes: int | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    loses_stereo: bool = False
    ends_run: bool = False

    @property
    def kbps(self) -> float | None:
        """Thousand bits a second of audio."""
        return self.coded_bytes * 8 / self.duration_s / 1000 if self.coded_bytes and self.duration_s else None

    def line(self) -> bytes:
        """Return one line of JSON, in ASCII: names need not be text."""
        facts = {
            "path": self.source,
            "output": self.target,
            "status": self.status.value,
            "seconds": self.duration_s,
            "bytes": self.coded_bytes,
            "kbps": None if self.kbps is None else round(self.kbps, 3),
            "error": self.error,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }
        return json.dumps(facts).encode() + b"\n"


class Report:
    """Counts outcomes, writes a line for each into `lines` if given, and knows the exit code.

    `planned` is how many files there are, so that the summary can tell how many are left.
    """

    def __init__(self, lines: BinaryIO | None = None, planned: int = 0) -> None:
        self.planned = planned
        self.ended_early = False
        self.counts: Counter[Status] = Counter()
        self.duration_s = 0.0
        self.coded_bytes = 0
        self.warned_files = 0
        self.mixed_files = 0  # in stereo, of which another model would keep both channels
        self._lines = lines
        self._started_s = time.perf_counter()

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.counts[outcome.status] += 1
        self.warned_files += bool(outcome.warnings)
        self.mixed_files += outcome.loses_stereo
        self.ended_early |= outcome.ends_run
        if outcome.status in (Status.DONE, Status.DAMAGED):
            self.duration_s += outcome.duration_s or 0.0
            self.coded_bytes += outcome.coded_bytes or 0
        if self._lines is not None:
            self._lines.write(outcome.line())
            self._lines.flush()  # a run that is killed has said what it did

    @property
    def exit_code(self) -> int:
        """Return 4 if a full disk ended it, 1 if any file failed or was damaged, else 0."""
        if self.ended_early:
            return FileError.exit_code
        return CodecError.exit_code if self.counts[Status.FAILED] or self.counts[Status.DAMAGED] else 0

    @property
    def times_real_time(self) -> float:
        """Seconds of audio done in a second."""
        return self.times_real_time_with(0.0)

    def times_real_time_with(self, in_work_s: float) -> float:
        """Return the same with those that are done of files in work."""
        return (self.duration_s + in_work_s) / max(time.perf_counter() - self._started_s, 1e-9)

    def summary(self) -> str:
        """Return one line for a person."""
        always = (Status.DONE, Status.SKIPPED, Status.FAILED)
        counts = [
            f"{self.counts[status]} {status.value}"
            for status in Status
            if self.counts[status] or status in always
        ]
        left = self.planned - sum(self.counts.values())
        parts = [f"files: {', '.join(counts + ([f'{left} left'] if left > 0 else []))}"]
        if self.duration_s:
            kbps = self.coded_bytes * 8 / self.duration_s / 1000
            parts.append(f"{self.duration_s:.1f} s of audio, {self.times_real_time:.1f} times real time")
            parts.append(f"{self.coded_bytes} bytes coded, {kbps:.2f} kbps")
        if self.warned_files:
            parts.append(f"warnings of {self.warned_files}")
        return "; ".join(parts)

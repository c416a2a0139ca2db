"""How many threads a session may use; no torch."""

from __future__ import annotations

import os

THREADS_LIMIT = 8  # more would need more audio at a time than is worth holding
THREADS_VARIABLE = "OMP_NUM_THREADS"  # what the numerical libraries listen to as well


def usable_cores() -> int:
    """Return how many cores this process may use: a container may have fewer than the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_threads() -> int:
    """Return how many threads a session uses if not told: what `OMP_NUM_THREADS` says, else the cores."""
    stated = os.environ.get(THREADS_VARIABLE, "")
    threads = int(stated) if stated.isdecimal() and int(stated) else usable_cores()
    return min(threads, THREADS_LIMIT)

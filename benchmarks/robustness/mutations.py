"""Read a million damaged files: `python -m benchmarks.robustness.mutations --count 1000000`.

Each goes through the reader, verify, and decoding to codes; see tests/container/fuzz_container.py for what is
checked. The process may take no more than CAP_BYTES of address space beyond what it has at its start, so that
no file can ask for more. What was found goes to mutations.csv, a row for each way of damaging a file.
"""

from __future__ import annotations

import argparse
import csv
import faulthandler
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from benchmarks.machine import description
from tests.container.fuzz_container import LIMIT_S, check_number

TABLE = Path(__file__).with_suffix(".csv")
CAP_BYTES = 64 * 2**20
PIECE = 1000  # files done at once, and until a process is taken for stuck:
HANG_S = 900
VERDICTS = ("damaged", "refused", "read", "unchanged", "failed")


@dataclass
class Tally:
    """What came of some files, by kind and verdict; the seconds of the slowest; what went wrong."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        slowest_s = max(self.slowest_s, other.slowest_s)
        return Tally(self.counts + other.counts, slowest_s, self.failures + other.failures)


def cap_memory() -> None:
    """Let this process take little more memory than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + CAP_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def check_piece(first: int) -> Tally:
    """Check the files of some numbers in a row."""
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    tally = Tally()
    for number in range(first, first + PIECE):
        started_s = time.process_time()
        try:
            tally.counts[check_number(number)] += 1
        except Exception as error:
            tally.counts["any", "failed"] += 1
            tally.failures.append(f"check_number({number}): {type(error).__name__}: {error}")
        tally.slowest_s = max(tally.slowest_s, time.process_time() - started_s)
    faulthandler.cancel_dump_traceback_later()
    return tally


def write_table(total: Tally, count: int) -> None:
    """Write how many files of each kind met which verdict."""
    kinds = sorted({kind for kind, _ in total.counts})
    with TABLE.open("w", newline="") as file:
        file.write(f"# {description()}\n# {count} files; none took {CAP_BYTES / 2**20:g} MiB of memory; the ")
        file.write(f"slowest took {total.slowest_s:.3f} s of the processor, of {LIMIT_S:g} s allowed\n")
        rows = [[kind, *(total.counts[kind, verdict] for verdict in VERDICTS)] for kind in kinds]
        sums = [sum(total.counts[kind, verdict] for kind in kinds) for verdict in VERDICTS]
        csv.writer(file).writerows([["kind", *VERDICTS], *rows, ["all", *sums]])


def main() -> None:
    """Check all, print and write the table; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="files, in thousands")
    parser.add_argument("--seed", type=int, default=0, help="number of the first; each file is its own seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    firsts = range(arguments.seed, arguments.seed + arguments.count, PIECE)
    with ProcessPoolExecutor(arguments.jobs, initializer=cap_memory) as pool:
        total = reduce(Tally.__add__, pool.map(check_piece, firsts), Tally())
    write_table(total, len(firsts) * PIECE)
    print(TABLE.read_text(), *total.failures[:20], sep="\n")
    sys.exit(1 if total.failures else 0)


if __name__ == "__main__":
    main()

"""Tables as text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(lines: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Return each line as text, its cells padded to columns: those numbered in `left` start on the left.

    All lines have the same number of cells. Characters that a terminal does not print are left out.
    """
    shown = [["".join(c for c in cell if c.isprintable()) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in shown
    ]

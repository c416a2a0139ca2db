"""Write the credits of training audio: `python -m weights.recipe.credits MANIFESTS... > weights/CREDITS`."""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

from weights.recipe.data import TRAINING_SETS


def credits(manifests: list[Path]) -> str:
    """Return a list of all training sources, grouped by licence: repository, commit, who, minutes."""
    seconds: dict[tuple[str, str, str], float] = defaultdict(float)
    names: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for manifest in manifests:
        with manifest.open(newline="") as table:
            for row in csv.DictReader(table, delimiter="\t"):
                if row["set"] in TRAINING_SETS:
                    key = row["licence"], row["repo"], row["commit"]
                    seconds[key] += float(row["seconds"])
                    names[key].add(row["speaker_or_instrument"])
    lines = [
        "The weights in this folder were trained on audio from the works below, with thanks to their makers.",
        "The audio itself is not part of this repository. Repositories are named as OWNER/NAME @ COMMIT.",
    ]
    licence = None
    for key in sorted(seconds):
        if key[0] != licence:
            licence = key[0]
            lines += ["", licence, "-" * len(licence)]
        who = ", ".join(sorted(names[key]))
        commits = "+".join(commit[:12] for commit in key[2].split("+"))
        lines.append(f"{key[1]} @ {commits} ({seconds[key] / 60:.1f} minutes): {who}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(credits([Path(argument) for argument in sys.argv[1:]]))

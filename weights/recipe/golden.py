"""Keep a file of the released weights for the tests: `python -m weights.recipe.golden [MODEL]`.

Tests decode it from then on, and compare codes with it: a file that was made once must stay readable.
Where an encoder has changed under its fingerprint, the file of the one before gets another name first, as
`…_0.1.ecdc`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import codectool
from codectool.models.registry import DEFAULT_MODEL, find

ROOT = Path(__file__).parents[2]


def main() -> None:
    entry = find(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL)
    target = ROOT / "tests" / "data" / "golden" / f"{entry.fingerprint.hex()}.ecdc"
    target.parent.mkdir(exist_ok=True)
    source = ROOT / "examples" / "speech.wav"
    codectool.encode_file(source, target, model=entry.name, bitrate=6000, precision="float32", overwrite=True)
    print(target)


if __name__ == "__main__":
    main()

"""Recordings for tests of data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.reading import read
from codectool.tokens.running import Totals, run

RATE_HZ = 16_000


def write_clips(folder: Path, count: int, suffix: str = ".wav", seed: int = 0) -> list[Path]:
    """Write short noises of 0.1 to 0.5 s, each another, some in a subfolder."""
    rng = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        name = f"clip{number:03}{suffix}"
        path = folder / "sub" / name if number % 3 == 2 else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = int(rng.integers(1600, 8000))
        channels = 1 + number % 2
        soundfile.write(path, 0.1 * rng.standard_normal((samples, channels)), RATE_HZ)
        paths.append(path)
    return paths


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tokenize(source: Path | str, target: Path | str, **choices: object) -> Totals:
    """Write the data set of a source, with the defaults of a job but for the choices."""
    return run(TokenizeJob(str(source), str(target), **choices))  # type: ignore[arg-type]


def ids(source: Path | str) -> list[str]:
    """Return the ids of the recordings in a data set."""
    return [item["id"] for item in read(source)]

"""Encode and decode by every way in, at several rates: `python -m benchmarks.robustness.matrix`.

Recordings of 8, 44.1 and 48 kHz, mono and stereo, go in as a file, through a pipe and as part of a folder,
and come back the same three ways. All ways must give the same bytes of codes and the same samples, as many as
went in. Figures go to matrix.csv.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.machine import write_table
from codectool.audio.source import open_source

RATES_HZ = (8_000, 44_100, 48_000)
LAYOUTS = {"mono": 1, "stereo": 2}
SECONDS = 7.3
CODEC = (sys.executable, "-m", "codectool")
TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = [
    "rate_hz",
    "channels",
    "way",
    "samples_in",
    "samples_out",
    "coded_bytes",
    "coded_sha256",
    "audio_sha256",
]


def write_recordings(folder: Path) -> dict[str, tuple[int, str, int]]:
    """Write a recording for every rate and layout; gives them by name, with their length in samples."""
    folder.mkdir()
    made = {}
    for rate_hz in RATES_HZ:
        for layout, channels in LAYOUTS.items():
            samples = round(SECONDS * rate_hz) + 1
            noise = np.random.default_rng(rate_hz).normal(0, 0.1, (samples, channels))
            name = f"{rate_hz}_{layout}"
            soundfile.write(folder / f"{name}.wav", noise, rate_hz, subtype="PCM_16")
            made[name] = rate_hz, layout, samples
    return made


def run(*arguments: str | Path, given: Path | None = None) -> bytes:
    """Run a command, a file sent through its standard input where one is given; gives its standard output."""
    data = None if given is None else given.read_bytes()
    done = subprocess.run(
        [*CODEC, *map(str, arguments), "-q"], input=data, stdout=subprocess.PIPE, check=True
    )
    return done.stdout


def samples_of(wav: bytes) -> npt.NDArray[np.float32]:
    """Return the samples of a WAV, from a pipe or not."""
    with open_source("-", stdin=io.BytesIO(wav)) as source:
        return np.concatenate(list(source.blocks()), axis=1)


def main() -> None:
    """Run all ways, print and write the table; exit with 1 if two ways differ or a length does."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        recordings = write_recordings(home / "in")
        run("encode", home / "in", home / "coded")
        run("decode", home / "coded", home / "back")
        for name, (rate_hz, layout, samples) in recordings.items():
            recording, coded, back = home / "in" / f"{name}.wav", home / "one.ecdc", home / "one.wav"
            run("encode", recording, coded, "-f")
            run("decode", coded, back, "-f")
            ways = {
                "file": (coded.read_bytes(), back.read_bytes()),
                "pipe": (run("encode", "-", "-", given=recording), run("decode", "-", "-", given=coded)),
                "folder": (
                    (home / "coded" / f"{name}.ecdc").read_bytes(),
                    (home / "back" / f"{name}.wav").read_bytes(),
                ),
            }
            for way, (codes, wav) in ways.items():
                audio = samples_of(wav)
                hashes = [hashlib.sha256(data).hexdigest()[:16] for data in (codes, audio.tobytes())]
                rows.append([rate_hz, layout, way, samples, audio.shape[1], len(codes), *hashes])
    write_table(TABLE, [COLUMNS, *rows])
    print(TABLE.read_text())
    results = {tuple(row[:2]) + tuple(row[5:]) for row in rows}
    sys.exit(0 if len(results) == len(recordings) and all(row[3] == row[4] for row in rows) else 1)


if __name__ == "__main__":
    main()

"""Whole files through codecs of the field, at their real shapes: `python -m benchmarks.peers.field_files`.

Each reference package writes a checkpoint of random weights, which is imported. A recording of noise is then
encoded, encoded through a pipe, decoded, decoded in part and trimmed, and its tokens are taken out, each by a
process of its own. The table has seconds and the peak of memory of each. The program ends with an error if a
process fails, the pipe gives other bytes, or a part of the file is not what the whole has there.

`--seconds 600 mimi` says how long the recording is, and which models; the default is 2 s of each. `--append`
keeps the rows that the table has.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.machine import write_table
from codectool.models.registry import find

MODELS = ("mimi", "qwen3_tts_12hz", "dac_44khz", "dac_24khz", "snac_24khz", "snac_44khz")
PART_S = 0.5
TOLERANCE = 1e-4  # between a part decoded alone and the whole
MIB = 1 << 20
TABLE = Path(__file__).with_suffix(".csv")
HEAD = ["model", "seconds_of_audio", "step", "seconds", "core_seconds", "peak_mib"]


@dataclasses.dataclass
class Bench:
    """One model in a folder of its own."""

    name: str
    folder: Path
    seconds: float
    rows: list[list[object]]

    def codec(self, step: str, *arguments: str, stdin: str | None = None) -> bytes:
        """Run a command, print and keep what it took, and give its output."""
        command = [sys.executable, "-m", "codectool", *arguments]
        environment = dict(os.environ, XDG_CACHE_HOME=str(self.folder / "cache"))
        begun = time.monotonic()
        with (self.folder / "stdout").open("wb") as output:
            source = open(self.folder / stdin, "rb") if stdin else subprocess.DEVNULL  # noqa: PTH123, SIM115
            process = subprocess.Popen(command, stdin=source, stdout=output, cwd=self.folder, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{self.name}, {step}: exit code {os.waitstatus_to_exitcode(status)}")
        figures = round(time.monotonic() - begun, 1), round(usage.ru_utime + usage.ru_stime, 1)
        peak_mib = round(usage.ru_maxrss * 1024 / MIB)
        self.rows.append([self.name, f"{self.seconds:g}", step, *figures, peak_mib])
        print(*self.rows[-1], sep=",", flush=True)
        return (self.folder / "stdout").read_bytes()

    def sound(self, name: str) -> Any:
        return soundfile.read(self.folder / name, dtype="float32")[0]

    def run(self) -> None:
        """Take a recording through everything."""
        rate_hz = find(self.name).sample_rate_hz
        samples = round(self.seconds * rate_hz) + 7
        noise = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
        soundfile.write(self.folder / "in.wav", noise, rate_hz, subtype="FLOAT")
        # by a process of its own: those begun here would count this one's memory as theirs
        writer = [sys.executable, "-m", "benchmarks.peers.field_checkpoints", self.name]
        subprocess.run([*writer, str(self.folder / "checkpoint.pth")], check=True)
        self.codec("import", "models", "import", "-q", "checkpoint.pth", "--model", self.name)
        rates_bps = find(self.name).rates_bps()
        lowest, highest = (f"{(bps + 1) / 1000:.4f}kbps" for bps in (rates_bps[0], rates_bps[-1]))
        encode = ("encode", "-q", "--model", self.name, "-b", highest)
        self.codec("encode", *encode, "in.wav", "file.ecdc")
        piped = self.codec("pipe", *encode, "-", "-", stdin="in.wav")
        if piped != (self.folder / "file.ecdc").read_bytes():
            sys.exit(f"{self.name}: the pipe gave other bytes")
        decode = ("decode", "-q", "--subtype", "FLOAT")
        self.codec("decode", *decode, "file.ecdc", "out.wav")
        start = self.seconds / 2
        part = ("--start", f"{start:g}", "--duration", f"{PART_S:g}")
        self.codec("seek", *decode, *part, "file.ecdc", "part.wav")
        whole, found, first = self.sound("out.wav"), self.sound("part.wav"), round(start * rate_hz)
        if len(whole) != samples or np.abs(whole[first : first + len(found)] - found).max() > TOLERANCE:
            sys.exit(f"{self.name}: a part is not what the whole has there")
        self.codec("trim", "trim", "-q", "file.ecdc", "less.ecdc", "-b", lowest)
        self.codec("decode the lowest rate", *decode, "less.ecdc", "less.wav")
        self.codec("tokens", "tokens", "-q", "file.ecdc", "tokens.npz")
        with np.load(self.folder / "tokens.npz") as tokens:
            if tokens["codes"].shape[-2] != find(self.name).levels:
                sys.exit(f"{self.name}: {tokens['codes'].shape} are not its levels")


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--append", action="store_true")
    parser.add_argument("models", nargs="*", default=MODELS)
    arguments = parser.parse_args()
    rows: list[list[object]] = []
    if arguments.append:
        with TABLE.open(encoding="utf-8", newline="") as file:
            rows.extend(list(csv.reader(file))[2:])  # after the line on the machine and the heading
    print(*HEAD, sep=",", flush=True)
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            Bench(name, Path(folder), arguments.seconds, rows).run()
        write_table(TABLE, [HEAD, *rows], "; noise, random weights, beside other work")


if __name__ == "__main__":
    main()

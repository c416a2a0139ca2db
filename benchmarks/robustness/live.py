"""Send sound through `codec encode - - | codec decode - -` at real time, and watch delay and memory.

    python -m benchmarks.robustness.live --minutes 5

A tone and noise, 24 kHz mono, goes in 10 ms at a time, at real time, by default and with --low-latency at
once. The delay of what comes out is the time since its own sample went in: packets and hops (see
benchmarks/delay.py), and computing. live.csv has a row a minute; neither delay nor memory may grow.
What came out is compared with what the same pipes make of the whole recording at once.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from benchmarks.machine import write_table

RATE_HZ = 24_000
BYTES_A_SAMPLE = 2
STEP_S = 0.01
FIRST_S = 1.2  # spoken at once, before the clock runs: importing torch is not the stream's delay
RAW = ("--raw", "s16le", "--sample-rate", str(RATE_HZ), "--raw-channels", "1")
MODES: dict[str, tuple[str, ...]] = {"default": (), "low latency": ("--low-latency",)}
TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ["mode", "minute", "delay_median_ms", "delay_longest_ms", "encoder_mib", "decoder_mib"]


def recording(minutes: float) -> bytes:
    """Return a tone in noise as 16-bit samples."""
    samples = np.arange(round(minutes * 60 * RATE_HZ))
    audio = 6000 * np.sin(samples * 2 * np.pi * 440 / RATE_HZ) + np.random.default_rng(0).normal(
        0, 1000, len(samples)
    )
    return audio.astype("<i2").tobytes()


def resident_mib(process: subprocess.Popen[bytes]) -> float:
    """Return how much memory a process has now."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@dataclass
class Line:
    """An encoder and a decoder, joined by a pipe, and what was heard of them."""

    mode: str
    heard: bytearray = field(default_factory=bytearray)
    delays_s: list[tuple[float, float]] = field(default_factory=list)  # when heard, and how late
    memory_mib: list[tuple[float, float, float]] = field(default_factory=list)  # when, encoder's, decoder's

    def open(self) -> tuple[BinaryIO, BinaryIO]:
        """Start both; gives where to speak, and where to listen."""
        codec = [sys.executable, "-m", "codectool"]
        pipe = subprocess.PIPE
        encode = [*codec, "encode", "-", "-", "-q", *RAW, *MODES[self.mode]]
        self.encoder = subprocess.Popen(encode, stdin=pipe, stdout=pipe, bufsize=0)
        decode = [*codec, "decode", "-", "-", "-q", "--raw", "s16le"]
        self.decoder = subprocess.Popen(decode, stdin=self.encoder.stdout, stdout=pipe, bufsize=0)
        assert self.encoder.stdin is not None
        assert self.encoder.stdout is not None
        assert self.decoder.stdout is not None
        self.encoder.stdout.close()
        return self.encoder.stdin, self.decoder.stdout  # type: ignore[return-value]  # raw files

    def listen(self, ear: BinaryIO, clock: Callable[[], float]) -> None:
        """Take what comes until the end, and note how late it is, but for what was spoken at once."""
        while piece := ear.read(1 << 16):
            now_s, spoken_s = clock(), len(self.heard) / BYTES_A_SAMPLE / RATE_HZ
            if spoken_s >= FIRST_S:
                self.delays_s.append((now_s, now_s - spoken_s))
            self.heard += piece

    def rows(self, minutes: float) -> list[list[object]]:
        """Return the figures of every minute."""
        rows: list[list[object]] = []
        for minute in range(int(minutes)):
            within = [late_s for at_s, late_s in self.delays_s if minute <= at_s / 60 < minute + 1]
            _, encoder_mib, decoder_mib = next(m for m in reversed(self.memory_mib) if m[0] / 60 < minute + 1)
            late_ms = (round(1000 * statistics.median(within)), round(1000 * max(within)))
            rows.append([self.mode, minute + 1, *late_ms, round(encoder_mib, 1), round(decoder_mib, 1)])
        return rows


def run_at_real_time(lines: list[Line], audio: bytes) -> None:
    """Speak into all lines at once, ten milliseconds at a time."""
    ends = [line.open() for line in lines]
    first = round(FIRST_S * RATE_HZ) * BYTES_A_SAMPLE
    for mouth, _ in ends:
        mouth.write(audio[:first])
    for line, (_, ear) in zip(lines, ends, strict=True):
        line.heard += ear.read(1)
    started_s = time.perf_counter() - FIRST_S

    def clock() -> float:
        return time.perf_counter() - started_s

    ears = [
        threading.Thread(target=line.listen, args=(ear, clock))
        for line, (_, ear) in zip(lines, ends, strict=True)
    ]
    for ear in ears:
        ear.start()
    step_bytes = round(STEP_S * RATE_HZ) * BYTES_A_SAMPLE
    for at in range(first, len(audio), step_bytes):
        spoken_s = (at + step_bytes) / BYTES_A_SAMPLE / RATE_HZ
        time.sleep(max(0.0, spoken_s - clock()))
        for mouth, _ in ends:
            mouth.write(audio[at : at + step_bytes])
        if at // step_bytes % 500 == 0:
            for line in lines:
                line.memory_mib.append((clock(), resident_mib(line.encoder), resident_mib(line.decoder)))
    for (mouth, _), ear in zip(ends, ears, strict=True):
        mouth.close()
        ear.join()


def main() -> None:
    """Run, print and write the table; exit with 1 if what was heard differs from a run without pauses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    minutes = parser.parse_args().minutes
    audio, lines = recording(minutes), [Line(mode) for mode in MODES]
    run_at_real_time(lines, audio)
    rows, same = [], []
    for line in lines:
        rows += line.rows(minutes)
        at_once = Line(line.mode)
        mouth, ear = at_once.open()
        listener = threading.Thread(target=at_once.listen, args=(ear, time.perf_counter))
        listener.start()
        mouth.write(audio)  # type: ignore[arg-type]
        mouth.close()
        listener.join()
        same.append(at_once.heard == line.heard and len(line.heard) == len(audio))
    write_table(TABLE, [COLUMNS, *rows], f"; the same samples as at once: {all(same)}")
    print(TABLE.read_text())
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()

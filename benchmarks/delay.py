"""How long sound is on its way through two pipes, and what that costs: `python -m benchmarks.delay`.

Audio is fed to an encoder sample by sample, and the decoder plays whatever it can. The delay of a sample is
how much audio had been fed when it came out, counted from its own time: what a live stream waits for, besides
computing. It does not depend on the machine.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import description
from codectool.audio.pcm import RawFormat
from codectool.audio.source import open_source
from codectool.container import Reader, Writer
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.pipeline import EncodeJob, decode_blocks
from codectool.pipeline.encoding import encode_pieces
from codectool.pipeline.planning import plan_encode
from codectool.pipeline.reading import pieces_of
from codectool.sessions.payloads import Payload, payload_encoder

RATES_HZ = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000)
BYTES_A_SAMPLE = 2
TABLE = Path(__file__).with_suffix(".csv")


class LivePipe(io.RawIOBase):
    """Raw PCM that comes sample by sample; `fed_samples` counts what has come."""

    def __init__(self, samples: int) -> None:
        audio = np.random.default_rng(0).normal(0, 3000, samples)
        self._left = io.BytesIO(audio.astype("<i2").tobytes())
        self.fed_samples = 0

    def readable(self) -> bool:
        return True

    def read1(self, count: int = -1) -> bytes:
        """Return the next sample, of any `count` that is asked for."""
        piece = self._left.read(BYTES_A_SAMPLE)
        self.fed_samples += len(piece) // BYTES_A_SAMPLE
        return piece


class CodedPipe(io.RawIOBase):
    """What an encoder writes; reading lets it work until it has written something."""

    def __init__(self) -> None:
        self.written_bytes = 0
        self.work: Iterator[object] = iter(())
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        self.written_bytes += len(data)
        return len(data)

    def read(self, count: int = -1) -> bytes:
        """Return what was written, at most `count` bytes; none only at the end."""
        while not self._waiting and next(self.work, None) is not None:
            pass
        piece, self._waiting = self._waiting[:count], self._waiting[count:]
        return piece

    read1 = read


@dataclass(frozen=True)
class Delay:
    """Delays in seconds of audio, of the first sample and the longest of any; and bits spent beside codes."""

    first_s: float
    longest_s: float
    overhead_bps: float


def encoding(writer: Writer, encoded: Iterator[tuple[list[Payload], int]]) -> Iterator[bool]:
    """Write what is encoded; yields after each piece."""
    total_samples = 0
    for payloads, samples in encoded:
        for payload in payloads:
            writer.write_codes(payload.codes)
        total_samples = samples
        yield True
    writer.finish(total_samples)


def measure(model: LoadedModel, rate_hz: int, low_latency: bool, seconds: float) -> Delay:
    """Send noise through an encoder and a decoder joined by a pipe."""
    job = EncodeJob("-", "-", low_latency=low_latency)
    live, coded = LivePipe(round(seconds * rate_hz)), CodedPipe()
    with open_source("-", raw=RawFormat("s16le", rate_hz, 1), stdin=live) as source:  # type: ignore[arg-type]
        plan = plan_encode(job, channels=1)
        header = plan.header(model.fingerprint, source.rate_hz, source.channels)
        writer = Writer(coded, header)  # type: ignore[arg-type]
        pieces = pieces_of(source, plan.channels, model.entry.sample_rate_hz)
        encoder = payload_encoder(model, plan.levels, plan.streams, plan.packet_frames)
        coded.work = encoding(writer, encode_pieces(pieces, encoder))
        played_samples, delays = 0, []
        for block in decode_blocks(Reader(coded), model):  # type: ignore[arg-type]
            if block.shape[1]:
                delays.append(live.fed_samples - played_samples)
                played_samples += block.shape[1]
    overhead_bps = coded.written_bytes * 8 / seconds - writer.header.nominal_bps
    return Delay(delays[0] / rate_hz, max(delays) / rate_hz, overhead_bps)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    model = load("base_24khz")
    with TABLE.open("w", newline="") as file:
        file.write(f"# {description()}; {seconds:g} s of audio at 6 kbps\n")
        table = csv.writer(file)
        table.writerow(["rate_hz", "mode", "first_sound_ms", "longest_ms", "overhead_kbps"])
        for low_latency in (False, True):
            for rate_hz in RATES_HZ:
                delay = measure(model, rate_hz, low_latency, seconds)
                times_ms = [round(1000 * time_s, 1) for time_s in (delay.first_s, delay.longest_s)]
                mode = "low latency" if low_latency else "default"
                table.writerow([rate_hz, mode, *times_ms, round(delay.overhead_bps / 1000, 2)])
    print(TABLE.read_text())


if __name__ == "__main__":
    main()

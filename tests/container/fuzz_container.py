"""Damage valid files at random and check what the reader makes of them.

    python -m tests.container.fuzz_container --count 10000 --seed 1

Checked of every file: nothing but CodecError is raised, every change is found, audio that comes is the
original's at its place, in pieces or at once comes the same, and time, reads and memory are bounded. Some
files are forged: random fields with good checksums, of which only errors and bounds are checked.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import random
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from codectool.container import Audio, Event, Header, Reader, Writer, codes_of, trim
from codectool.container.packets import COUNTS, HEAD, SYNC, write_packet
from codectool.errors import CodecError

LIMIT_S = 2.0  # of the processor: a busy machine must not fail a file
LIMIT_BYTES = 2**20  # peak for files of small packets
FORGED_LIMIT_BYTES = 2**25  # the largest packet of 1-bit codes, unpacked to 16 bytes each
HANG_S = 30


@dataclass(frozen=True)
class Sample:
    """A valid file, and what is in it."""

    header: Header
    codes: npt.NDArray[np.uint16]
    data: bytes


def make_sample(random_: random.Random) -> Sample:
    """Return a random valid file of a few packets."""
    header = Header(
        model=random_.choice(["base_24khz", "x"]),
        fingerprint=random_.randbytes(8),
        model_rate_hz=24000,
        hop_samples=320,
        bits_per_code=random_.choice([1, 7, 10, 16]),
        levels=random_.randint(1, 8),
        streams=random_.randint(1, 2),
        original_rate_hz=random_.choice([8000, 24000, 44100]),
        original_channels=2,
        frames_per_packet=random_.randint(1, 20),
    )
    frames = random_.randint(0, 6 * header.frames_per_packet)
    if random_.random() < 0.3:
        frames -= frames % header.frames_per_packet  # so the last packet holds none
    shape = (header.streams, header.levels, frames)
    generator = np.random.default_rng(random_.getrandbits(32))
    codes = generator.integers(0, 2**header.bits_per_code, shape).astype(np.uint16)
    stream = io.BytesIO()
    writer = Writer(stream, header)
    writer.write_codes(codes)
    samples = frames * 320 * header.original_rate_hz // 24000
    writer.finish(samples, {"title": "x" * random_.randint(0, 50)} if random_.random() < 0.5 else None)
    return Sample(header, codes, stream.getvalue())


def flip(random_: random.Random, data: bytes) -> bytes:
    """Flip 1 to 8 bits."""
    changed = bytearray(data)
    for _ in range(random_.choice([1, 1, 2, 8])):
        changed[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def cut(random_: random.Random, data: bytes) -> bytes:
    """Keep the beginning."""
    return data[: random_.randrange(len(data))]


def drop(random_: random.Random, data: bytes) -> bytes:
    """Take a piece out."""
    start = random_.randrange(len(data))
    return data[:start] + data[start + random_.choice([1, 13, random_.randrange(len(data))]) :]


def insert(random_: random.Random, data: bytes) -> bytes:
    """Put random bytes, sync words or a false claim in."""
    start = random_.randrange(len(data) + 1)
    claim = HEAD.pack(SYNC, random_.choice([0, 1, 2, 5, 255]), random_.randrange(9), random_.randrange(65536))
    foreign = random_.choice([random_.randbytes(random_.randint(1, 40)), SYNC * 9, claim, claim * 50])
    return data[:start] + foreign + data[start:]


def overwrite(random_: random.Random, data: bytes) -> bytes:
    """Put random bytes or zeros in place of others."""
    start = random_.randrange(len(data))
    count = min(random_.randint(1, 60), len(data) - start)
    return data[:start] + random_.choice([bytes(count), random_.randbytes(count)]) + data[start + count :]


def repeat(random_: random.Random, data: bytes) -> bytes:
    """Put a piece of the file in elsewhere."""
    start, place = random_.randrange(len(data)), random_.randrange(len(data) + 1)
    return data[:place] + data[start : start + random_.randint(1, len(data))] + data[place:]


def splice(random_: random.Random, data: bytes) -> bytes:
    """Go on as another file, from behind the fingerprint on."""
    other = make_sample(random_).data
    return data[: random_.randint(15, len(data))] + other[random_.randrange(len(other)) :]


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    flip,
    cut,
    drop,
    insert,
    overwrite,
    repeat,
    splice,
]


def forge(random_: random.Random, header: Header) -> bytes:
    """Return random packets with good checksums behind a random header."""
    header = replace(
        header,
        bits_per_code=random_.choice([1, 10, 16]),
        frames_per_packet=random_.choice([1, 5, 2000]),
        original_rate_hz=random_.choice([1, 768_000]),
        extension=random_.randbytes(random_.choice([0, 100])),
    )
    full = header.payload_bytes(header.frames_per_packet)
    data = header.to_bytes()
    for number in range(random_.randint(0, 8)):
        sequence = random_.choice([number, number, number, 0, 2**32 - 1])
        flags = random_.choice([0, 0, 1, 2, 5, random_.randrange(256)])
        length = random_.choice([full, full, full + 10, 10, 0, random_.randrange(min(65536, full + 20))])
        frames = random_.choice([0, header.frames_per_packet - 1, header.frames_per_packet])
        counts = COUNTS.pack(frames, random_.choice([0, 1, random_.getrandbits(64)]))
        last = counts + bytes(header.payload_bytes(frames))
        payload = random_.choice(
            [bytes(length), random_.randbytes(length), b"[" * length, b'{"a":"b"}', last]
        )
        data += write_packet(header, flags, sequence, payload)
    return data


class Watched(io.BytesIO):
    """Counts reads, and gives few bytes a read when asked to."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step, self.reads_left = step, 2 * len(data) + 100

    def read1(self, count: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        assert self.reads_left, "the reader reads without end"
        return super().read1(min(count or 0, self.step))


def events_of(data: bytes, step: int) -> tuple[list[Event], Reader | None]:
    """Return what a reader gives, and the reader, None if the header was refused."""
    try:
        reader = Reader(Watched(data, step))
    except CodecError:
        return [], None
    return list(reader), reader


def same(one: list[Event], two: list[Event]) -> bool:
    """Return whether two readings gave the same."""
    return len(one) == len(two) and all(
        a.first_frame == b.first_frame and np.array_equal(a.codes, b.codes)
        if isinstance(a, Audio) and isinstance(b, Audio)
        else a == b
        for a, b in zip(one, two, strict=True)
    )


def check(data: bytes, sample: Sample | None) -> None:
    """Check one file, made from `sample` or forged."""
    started_s = time.process_time()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    events, reader = events_of(data, 1 << 16)
    peak = tracemalloc.get_traced_memory()[1] - before - 2 * len(data)  # the stream's copy, the codes
    assert peak < (LIMIT_BYTES if sample else FORGED_LIMIT_BYTES), f"{peak} bytes of memory"
    again, _ = events_of(data, 7)
    assert same(events, again), "in pieces it reads differently"
    for work in (
        lambda: codes_of(Reader(io.BytesIO(data))),
        lambda: trim(Reader(io.BytesIO(data)), io.BytesIO(), 1),
    ):
        try:
            work()
            whole = True
        except CodecError:
            whole = False
        assert not (whole and sample), "damage was not found"
    assert time.process_time() - started_s < LIMIT_S, "it took too long"
    if sample and reader:
        assert not reader.complete, "damage was not found"
        assert reader.gap_count, "damage was not reported"
        for event in events:
            if isinstance(event, Audio):
                end = event.first_frame + event.codes.shape[2]
                assert np.array_equal(event.codes, sample.codes[:, :, event.first_frame : end]), "wrong codes"


def fuzz(count: int, seed: int) -> int:
    """Check `count` files; return how many were truly damaged. The seed of a failing one is in its error."""
    damaged = 0
    tracemalloc.start()
    try:
        for number in range(seed, seed + count):
            random_ = random.Random(number)
            sample = make_sample(random_)
            try:
                if random_.random() < 0.2:
                    check(forge(random_, sample.header), None)
                    continue
                data = random_.choice(MUTATIONS)(random_, sample.data)
                if random_.random() < 0.3 and data:
                    data = random_.choice(MUTATIONS[:6])(random_, data)
                if data != sample.data:
                    check(data, sample)
                    damaged += 1
            except Exception as error:
                raise AssertionError(f"--seed {number} --count 1: {type(error).__name__}: {error}") from error
    finally:
        tracemalloc.stop()
    return damaged


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="files to check")
    parser.add_argument("--seed", type=int, default=0, help="number of the first; each file is its own seed")
    arguments = parser.parse_args()
    faulthandler.dump_traceback_later(HANG_S + arguments.count, exit=True)
    damaged = fuzz(arguments.count, arguments.seed)
    print(f"{arguments.count} files, {damaged} of them damaged and all found")


if __name__ == "__main__":
    main()

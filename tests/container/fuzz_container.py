"""Damaged and forged files, and what must hold of each; `benchmarks.robustness.mutations` makes a million.

Checked of every file: nothing but CodecError is raised, every change is found, audio that comes is the
original's at its place, and its time is bounded; of every 50th also that it reads the same a few bytes at a
time, its memory and its number of reads. Some files are forged: random fields with good checksums, of which
only errors and bounds are checked.
"""

from __future__ import annotations

import io
import random
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.container import AnyReader, Audio, Event, Header, Reader, Writer, codes_of, scan, trim
from codectool.container.packets import COUNTS, HEAD, SYNC, write_packet
from codectool.errors import CodecError

LIMIT_S = 1.0  # of the processor, for all that is done with a file: a busy machine must not fail it
LIMIT_BYTES = 2**20  # peak for files of small packets
FORGED_LIMIT_BYTES = 2**25  # the largest packet of 1-bit codes, unpacked to 16 bytes each
FILES_A_SAMPLE = 16
SCALE = 0.75  # of every segment, where packets are segments
THOROUGH_EVERY = 50

# Returns what a reader gives, and the reader, None if the header was refused.
Read: TypeAlias = Callable[[bytes, int], tuple[list[Event], AnyReader | None]]


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
        scaled=random_.random() < 0.2,
    )
    frames = random_.randint(0, 6 * header.frames_per_packet)
    if random_.random() < 0.3:
        frames -= frames % header.frames_per_packet  # so the last packet holds none
    shape = (header.streams, header.levels, frames)
    generator = np.random.default_rng(random_.getrandbits(32))
    codes = generator.integers(0, 2**header.bits_per_code, shape).astype(np.uint16)
    stream = io.BytesIO()
    writer = Writer(stream, header)
    if header.scaled:
        for start in range(0, frames, header.frames_per_packet):
            writer.write_codes(codes[:, :, start : start + header.frames_per_packet], SCALE)
    else:
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


Mutation = Callable[[random.Random, bytes], bytes]
MUTATIONS: list[Mutation] = [flip, cut, drop, insert, overwrite, repeat, splice]


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
        (a.first_frame, a.scale) == (b.first_frame, b.scale) and np.array_equal(a.codes, b.codes)
        if isinstance(a, Audio) and isinstance(b, Audio)
        else a == b
        for a, b in zip(one, two, strict=True)
    )


def check(data: bytes, sample: Sample | None, thorough: bool) -> str:
    """Check one file, made from `sample` or forged; gives what the reader made of it."""
    started_s = time.process_time()
    if thorough:
        check_bounds(data, LIMIT_BYTES if sample else FORGED_LIMIT_BYTES, events_of, Reader)
    events, reader = events_of(data, 1 << 16)
    verdict = "refused" if reader is None else "damaged" if reader.gap_count else "read"
    assert verdict != "read" or not sample, "damage was not found"
    assert succeeds(lambda: scan(io.BytesIO(data)).complete) == (verdict == "read"), "verify differs"
    if succeeds(lambda: codes_of(Reader(io.BytesIO(data))) is not None):
        assert verdict == "read", "codes of a damaged file are given"
    # With its own header lost, what was spliced in of another file is a file of its own behind foreign bytes.
    is_other = sample is not None and reader is not None and reader.header != sample.header
    for event in events if sample and not is_other else []:
        if isinstance(event, Audio):
            end = event.first_frame + event.codes.shape[2]
            assert np.array_equal(event.codes, sample.codes[:, :, event.first_frame : end]), "wrong codes"
            assert event.scale == (SCALE if sample.header.scaled else None), "wrong scale"
    assert time.process_time() - started_s < LIMIT_S, "it took too long"
    return verdict


def check_bounds(data: bytes, limit_bytes: int, read: Read, opened: Callable[[BinaryIO], AnyReader]) -> None:
    """Check that a file takes little memory, reads the same in pieces, and can be trimmed or not, quietly."""
    tracemalloc.start()
    try:
        events, _ = read(data, 1 << 16)
        peak = tracemalloc.get_traced_memory()[1] - 2 * len(data)  # the stream's copy, the codes
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes, f"{peak} bytes of memory"
    assert same(events, read(data, 7)[0]), "in pieces it reads differently"
    succeeds(lambda: trim(opened(io.BytesIO(data)), io.BytesIO(), 1) > 0)


def succeeds(work: Callable[[], bool]) -> bool:
    """Return what `work` does, False for a CodecError."""
    try:
        return work()
    except CodecError:
        return False


@lru_cache(2)
def sample_of(group: int) -> Sample:
    """Return the file that those of a group are made from."""
    return make_sample(random.Random(f"sample {group}"))


def check_number(number: int) -> tuple[str, str]:
    """Make and check the file of that number; gives how it was made, and what the reader made of it."""
    random_ = random.Random(number)
    sample = sample_of(number // FILES_A_SAMPLE)
    thorough = number % THOROUGH_EVERY == 0
    if random_.random() < 0.2:
        return "forge", check(forge(random_, sample.header), None, thorough)
    mutation = random_.choice(MUTATIONS)
    kind, data = mutation.__name__, mutation(random_, sample.data)
    if random_.random() < 0.3 and data:
        second = random_.choice(MUTATIONS[:-1])
        kind, data = "two of these", second(random_, data)
    return kind, "unchanged" if data == sample.data else check(data, sample, thorough)

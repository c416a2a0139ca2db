"""Damaged and forged version 0 files: `python -m tests.container.fuzz_v0 --count 100000`.

Checked of every file: nothing but CodecError is raised, its time is bounded, what is read as whole is what
the writer would write, and what comes of a file that was only cut is what was in it; of every 50th also that
it reads the same a few bytes at a time, its memory and its number of reads. Version 0 has no checksums, so
that damage inside codes cannot be found.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import struct
import time
from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np

from codectool.container import Audio, Event, HeaderV0, ReaderV0, WriterV0, codes_of, open_reader, scan
from codectool.container.v0 import MAGIC, MODEL_NAMES
from codectool.errors import CodecError

from .fuzz_container import LIMIT_BYTES, LIMIT_S, MUTATIONS, THOROUGH_EVERY, Watched, check_bounds, succeeds
from .samples_v0 import Segments, ToyPredictor, header_bytes_of, make_codes_v0, make_file_v0

FILES_A_SAMPLE = 16
TOY = ToyPredictor()
ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    33,
    2**31,
    2**40,
    2**64,
    1.5,
    float("nan"),
    "",
    "x" * 99,
    [],
    {},
]


def make_sample(random_: random.Random) -> tuple[Segments, bytes]:
    """Return a random valid file; the toy codes few frames, for it is slow."""
    name, toy = random_.choice(MODEL_NAMES), random_.random() < 0.3
    samples = random_.choice([0, 1, 321, *(random_.randint(1, 9_000 if toy else 150_000) for _ in range(6))])
    header = HeaderV0(name, samples, random_.randint(1, 8), toy)
    segments = make_codes_v0(header, random_.getrandbits(32))
    return segments, make_file_v0(header, segments, predictor=TOY if toy else None)


@lru_cache(2)
def sample_of(group: int) -> tuple[Segments, bytes]:
    """Return the file that those of a group are made from."""
    return make_sample(random.Random(f"sample {group}"))


def forge(random_: random.Random) -> bytes:
    """Return a header with odd values, or none, and random bytes behind it."""
    fields: dict[str, Any] = {
        "m": random_.choice(MODEL_NAMES),
        "al": random_.choice([0, 5, 50_000, 2**40]),
        "nc": random_.randint(1, 16),
        "lm": random_.random() < 0.2,
    }
    for name in fields:
        if random_.random() < 0.15:
            fields[name] = random_.choice(ODD_VALUES)
    nested = random_.choice([b"[", b'{"m":', b"{"]) * random_.randint(1, 300)
    text = random_.choice([json.dumps(fields).encode()] * 6 + [nested, random_.randbytes(60)])
    length = random_.choice([len(text)] * 8 + [len(text) + 1, 0, 2**32 - 1])
    body = random_.choice([bytes, random_.randbytes])(random_.randint(0, 1500))
    return MAGIC + struct.pack(">I", length) + text + body


def read(data: bytes, step: int) -> tuple[list[Event], ReaderV0 | None]:
    """Return what a reader gives, and the reader, None if the header was refused."""
    try:
        reader = open_reader(Watched(data, step), lambda _: TOY)
        return list(reader), reader if isinstance(reader, ReaderV0) else None
    except CodecError:
        return [], None


def check(data: bytes, thorough: bool) -> str:
    """Check one file; gives what the reader made of it."""
    started_s = time.process_time()
    if thorough:
        check_bounds(data, LIMIT_BYTES, read, open_reader)
    events, reader = read(data, 1 << 16)
    verdict = "refused" if reader is None else "damaged" if reader.gap_count else "read"
    if reader is not None and not reader.header.language_model:
        assert scan(io.BytesIO(data)).complete == (verdict == "read"), "verify differs"
        assert succeeds(lambda: codes_of(open_reader(io.BytesIO(data))) is not None) == (verdict == "read")
        if verdict == "read":
            assert rewritten(events, reader.header) == data[header_bytes_of(data) :]
    assert time.process_time() - started_s < LIMIT_S, "it took too long"
    return verdict


def rewritten(events: list[Event], header: HeaderV0) -> bytes:
    """Return what stands behind the header in a file of what was read."""
    stream = io.BytesIO()
    writer = WriterV0(stream, header.model, header.levels)
    for event in events:
        assert isinstance(event, Audio)
        writer.write_codes(event.codes, event.scale)
    writer.finish(header.total_samples)
    return stream.getvalue()[len(header.to_bytes()) :]


def check_cut(data: bytes, segments: Segments) -> None:
    """Check that what comes of the beginning of a file is the beginning of its codes."""
    whole = np.concatenate(segments, axis=2) if segments else np.zeros((1, 1, 0))
    for event in read(data, 1 << 16)[0]:
        if isinstance(event, Audio):
            end = event.first_frame + event.codes.shape[2]
            assert np.array_equal(event.codes, whole[:, :, event.first_frame : end]), "wrong codes"


def check_number(number: int) -> tuple[str, str]:
    """Make and check the file of that number; gives how it was made, and what the reader made of it."""
    random_ = random.Random(number)
    segments, whole = sample_of(number // FILES_A_SAMPLE)
    thorough = number % THOROUGH_EVERY == 0
    if random_.random() < 0.3:
        return "forge", check(forge(random_), thorough)
    mutation = random_.choice(MUTATIONS[:-1])  # the last splices version 1 files
    spared = header_bytes_of(whole) if random_.random() < 0.8 else 0
    if spared == len(whole):
        return "empty", check(whole, thorough)
    data = whole[:spared] + mutation(random_, whole[spared:])
    if mutation.__name__ == "cut":
        check_cut(data, segments)
    return mutation.__name__, check(data, thorough)


def main() -> None:
    """Check as many files as asked for, and print what came of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10_000, help="files to check")
    parser.add_argument("--seed", type=int, default=0, help="number of the first; each file is its own seed")
    arguments = parser.parse_args()
    verdicts: Counter[tuple[str, str]] = Counter()
    for number in range(arguments.seed, arguments.seed + arguments.count):
        try:
            verdicts[check_number(number)] += 1
        except Exception as error:
            raise AssertionError(f"check_number({number}): {type(error).__name__}: {error}") from error
    for (kind, verdict), count in sorted(verdicts.items()):
        print(f"{kind:10} {verdict:8} {count}")


if __name__ == "__main__":
    main()

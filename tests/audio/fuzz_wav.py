"""Feeds damaged WAV streams to the source. By hand: python tests/audio/fuzz_wav.py --count 100000 --seed 7.

Whatever the bytes, the source gives finite blocks or a CodecError, soon, and without taking much memory.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from codectool.audio.source import open_source
from codectool.errors import CodecError

SECONDS_MAX = 2.0
MEMORY_MAX_BYTES = 64 << 20
NASTY_SIZES = [0, 1, 3, 7, 0x7FFFEFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]
CHUNK_IDS = [b"fmt ", b"data", b"LIST", b"ds64", b"fact", b"JUNK", b"\0\0\0\0"]


def fuzz(count: int, seed: int) -> None:
    """Try `count` streams; AssertionError, naming the seed that shows it, where one is not handled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.wav"
        for case in range(seed, seed + count):
            data = damaged_wav(random.Random(case))
            path.write_bytes(data)
            for name, stdin in ((str(path), None), ("-", io.BytesIO(data))):
                try_one(f"--seed {case} --count 1 ({name})", name, stdin)


def try_one(case: str, path: str, stdin: io.BytesIO | None) -> None:
    tracemalloc.start()
    started_s = time.monotonic()
    try:
        with open_source(path, stdin=stdin) as source:
            for block in source.blocks():
                assert block.shape[0] == source.channels, case
                assert block.shape[1] > 0, case
                assert np.isfinite(block).all(), case
    except CodecError:
        pass
    except Exception as error:
        raise AssertionError(f"{case}: {error!r}") from error
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.monotonic() - started_s < SECONDS_MAX, f"{case}: too slow"
    assert peak_bytes < MEMORY_MAX_BYTES, f"{case}: took {peak_bytes} bytes"


def damaged_wav(chance: random.Random) -> bytes:
    """A WAV built from chunks in a reasonable order, then damaged in a few places."""
    tag = chance.choice([1, 1, 1, 3, 3, 6, 7, 2, 17, 0xFFFE, chance.randrange(1 << 16)])
    channels = chance.choice([1, 2, 3, 0, 1024, 65535])
    bits = chance.choice([8, 16, 24, 32, 64, 12, 4, 0])
    rate_hz = chance.choice([1, 8000, 24000, 192000, 0, 0xFFFFFFFF])
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, 0, channels * bits // 8 & 0xFFFF, bits)
    if tag == 0xFFFE:
        fmt += struct.pack("<HHIH", 22, bits, 0, chance.choice([1, 3])) + bytes.fromhex(
            "000000001000800000aa00389b71"
        )
    samples = chance.randbytes(chance.choice([0, 1, 2, 100, 5000]))
    chunks = [(b"fmt ", fmt), (b"LIST", b"INFO" + chance.randbytes(40)), (b"data", samples)]
    if chance.random() < 0.2:
        chunks.insert(0, (b"ds64", struct.pack("<QQQI", *(chance.choice(NASTY_SIZES) for _ in range(3)), 0)))
    if chance.random() < 0.3:
        chunks.append((chance.choice(CHUNK_IDS), chance.randbytes(20)))
    if chance.random() < 0.1:
        chance.shuffle(chunks)
    body = b"WAVE"
    for chunk_id, content in chunks:
        size = chance.choice(NASTY_SIZES) if chance.random() < 0.15 else len(content)
        body += chunk_id + struct.pack("<I", size) + content + b"\0" * (len(content) % 2)
    riff_id = chance.choice([b"RIFF", b"RIFF", b"RF64", b"RIFX"])
    riff_bytes = chance.choice([*NASTY_SIZES, len(body), len(body), len(body)])
    data = bytearray(riff_id + struct.pack("<I", riff_bytes) + body)
    for _ in range(chance.choice([0, 0, 1, 5])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    fuzz(**vars(parser.parse_args()))

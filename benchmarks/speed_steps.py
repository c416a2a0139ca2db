"""What each step towards speed gains: `python -m benchmarks.speed_steps`.

One stream in memory, encoded and decoded in rounds in which every variant has its turn. Milliseconds a second
of audio are medians, of wall time and of processor time; the latter is less troubled by what else runs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import write_table
from codectool.engines.torch_engine import TorchDecoder, TorchEncoder
from codectool.models import spectral
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.quality.bench import synthetic
from codectool.sessions.streaming import DecoderSession, EncoderSession

LEVELS = 8
AUDIO_S = 60
TABLE = Path(__file__).with_suffix(".csv")


def variants() -> dict[str, tuple[LoadedModel, int]]:
    """Return models, each with a number of threads; every variant adds to the one before."""
    exact, rounded = (load("base_24khz", precision=name, engine="torch") for name in ("float32", "bfloat16"))
    codec = exact.encoder.codec  # type: ignore[attr-defined]  # of the torch engine
    plain = spectral.build(codec.config)
    plain.load_state_dict(codec.state_dict())
    plain.eval().requires_grad_(False)
    cpu, entry = torch.device("cpu"), exact.entry
    halves = [half(plain, cpu, entry.channels, entry.hop_samples) for half in (TorchEncoder, TorchDecoder)]
    return {
        "torch's own products, blocks of 1 s": (
            replace(exact, encoder=halves[0], decoder=halves[1], joined_levels=frozenset()),
            1,
        ),
        "weights laid out for oneDNN": (replace(exact, joined_levels=frozenset()), 1),
        "blocks joined to 8 s": (exact, 1),
        "bfloat16 products": (rounded, 1),
        "two threads": (rounded, 2),
    }


def timed(function: Callable[[], np.ndarray]) -> tuple[np.ndarray, float, float]:
    """Return a result and the wall and processor time it took, in milliseconds a second of audio."""
    wall_s, core_s = time.perf_counter(), time.process_time()
    result = function()
    costs_s = time.perf_counter() - wall_s, time.process_time() - core_s
    return result, *(1000 * cost_s / AUDIO_S for cost_s in costs_s)


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    audio = synthetic(AUDIO_S, 24_000, 1)
    costs: dict[str, list[tuple[float, ...]]] = {}
    models = variants()
    for _ in range(rounds + 1):
        for name, (model, threads) in models.items():
            encoder = EncoderSession(model, LEVELS, threads=threads)
            decoder = DecoderSession(model, threads=threads)
            codes, *encode = timed(lambda e=encoder: np.concatenate([e.push(audio), e.finish()], axis=1))
            _, *decode = timed(lambda d=decoder, c=codes: np.concatenate([d.push(c), d.finish()], axis=1))
            costs.setdefault(name, []).append((*encode, *decode))
    head = ["variant", "encode_wall_ms", "encode_core_ms", "decode_wall_ms", "decode_core_ms"]
    table: list[list[object]] = [list(head)]
    for name, each in costs.items():
        table.append([name, *(round(statistics.median(column), 2) for column in zip(*each[1:], strict=True))])
    write_table(TABLE, table, f"; {torch.get_num_threads()} threads at most, medians of {rounds}")
    for row in table:
        print(*row)


if __name__ == "__main__":
    main()

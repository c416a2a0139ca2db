"""Mimi, DAC and SNAC beside their own packages: `python -m benchmarks.peers.field_speed [MODEL...]`.

Both sides have the same random weights and run in turn over the same noise: theirs as a whole, ours in the
blocks of a stream. Times are seconds of the clock on a quiet machine; `--core` takes those of the processor,
which other work touches least. The table has seconds of audio for each, the memory that the work takes beyond
the weights, and how many of the network's operations, counted as theirs does them, ours does in a second.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import write_table
from codectool.models import dac, mimi, snac
from codectool.models.checkpoints import fold_weight_norm
from codectool.nn.layer import Layer
from tests.peers import test_dac, test_mimi, test_snac
from tests.peers.random_weights import noise

TABLE = Path(__file__).with_suffix(".csv")
BLOCK_S = 1.0
MIB = 1024  # of the KiB that /proc counts in


class Side(NamedTuple):
    """One implementation."""

    encode: Callable[[Tensor], Any]
    decode: Callable[[Any], Tensor]


def streamed(layer: Layer, x: Tensor, block: int) -> Tensor:
    """Run a whole signal through a layer, block by block."""
    state, outputs = layer.initial_state(len(x)), []
    for start in range(0, x.shape[1], block):
        y, state = layer.step(x[:, start : start + block], state)
        outputs.append(y)
    return torch.cat((*outputs, layer.finish(x[:, :0], state)), dim=1)


def our_side(codec: Any) -> Side:
    """Return our codec as sessions run it."""
    hop = codec.config.hop_samples
    frames = max(1, round(BLOCK_S * codec.config.sample_rate_hz / hop))

    def encode(audio: Tensor) -> Tensor:
        return codec.quantizer.encode(streamed(codec.encoder, audio.transpose(1, 2), frames * hop))

    return Side(encode, lambda codes: streamed(codec.decoder, codec.quantizer.decode(codes), frames))


def mimi_sides() -> tuple[Side, Side]:
    theirs = test_mimi.random_moshi(mimi.Config())
    ours = test_mimi.ours(theirs.state_dict(), mimi.Config())
    return Side(theirs.encode, theirs.decode), our_side(ours)


def dac_sides() -> tuple[Side, Side]:
    theirs = test_dac.descript_dac(dac.Config())
    tensors = fold_weight_norm(dict(theirs.state_dict()), Path("the reference"))

    def decode(codes: Tensor) -> Tensor:
        return theirs.decode(theirs.quantizer.from_codes(codes)[0])

    return Side(lambda audio: theirs.encode(audio)[1], decode), our_side(test_dac.ours(tensors, dac.Config()))


def snac_sides() -> tuple[Side, Side]:
    theirs = test_snac.random_snac(snac.Config())
    with tempfile.TemporaryDirectory() as folder:
        ours = test_snac.ours(theirs, snac.Config(), Path(folder))
    return Side(theirs.encode, theirs.decode), our_side(ours)


# of each model: both sides, its rate, and the samples of whose multiple its codes are made
CASES: dict[str, tuple[Callable[[], tuple[Side, Side]], int, int]] = {
    "mimi": (mimi_sides, 24_000, 1920),
    "snac_24khz": (snac_sides, 24_000, 2048),
    "dac_44khz": (dac_sides, 44_100, 512),
}
HEAD = [
    "model",
    "direction",
    "threads",
    "seconds",
    "theirs_times_real_time",
    "ours_times_real_time",
    "ratio",
    "theirs_mib",
    "ours_mib",
    "our_gflops",
]


def memory_mib(line: str) -> float:
    """Return a line of the kernel's account of this process: VmRSS, or VmHWM for the peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(each.split()[1]) for each in status.splitlines() if each.startswith(line)) / MIB


def cost(work: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that it takes, and the peak of memory above what there was, in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before_mib, start_s = memory_mib("VmRSS"), clock()
    work()
    return clock() - start_s, memory_mib("VmHWM") - before_mib


def operations(work: Callable[[], Any]) -> int:
    """Return the additions and multiplications of its products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def rows(name: str, arguments: argparse.Namespace) -> list[list[object]]:
    """Measure a model both ways; return its lines of the table, and print them."""
    make, rate_hz, frame = CASES[name]
    sides = make()
    samples = round(arguments.seconds * rate_hz / frame) * frame
    audio = noise(samples)
    codes = [side.encode(audio) for side in sides]  # which warms both up as well
    seconds = samples / rate_hz
    clock = time.process_time if arguments.core else time.perf_counter
    lines: list[list[object]] = []
    for direction in ("encode", "decode"):
        works = [
            (lambda side=side: side.encode(audio))
            if direction == "encode"
            else (lambda side=side, found=found: side.decode(found))
            for side, found in zip(sides, codes, strict=True)
        ]
        costs: list[list[tuple[float, float]]] = [[], []]
        for _ in range(arguments.rounds):
            for work, found in zip(works, costs, strict=True):
                found.append(cost(work, clock))
        fastest = [min(took for took, _ in found) for found in costs]
        peaks = [round(max(mib for _, mib in found)) for found in costs]
        gflops = operations(works[0]) / fastest[1] / 1e9
        speeds = [round(seconds / took, 2) for took in fastest]
        line = [name, direction, arguments.threads, round(seconds, 2), *speeds]
        lines.append([*line, round(fastest[0] / fastest[1], 2), *peaks, round(gflops, 1)])
        print(*lines[-1], sep=",", flush=True)
    return lines


@torch.no_grad()  # in inference mode nothing is counted
def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", action="store_true", help="times of the processor")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("models", nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(*HEAD, sep=",", flush=True)
    found = [line for name in arguments.models for line in rows(name, arguments)]
    times = "times of the processor" if arguments.core else "times of the clock"
    write_table(arguments.table, [HEAD, *found], f"; {times}, the best of {arguments.rounds}")


if __name__ == "__main__":
    main()

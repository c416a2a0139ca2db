"""Mimi, DAC and SNAC beside their own packages: `python -m benchmarks.peers.field_speed` prints the table.

Both sides have the same random weights and run in turn, on one thread, over the same noise: theirs as a
whole, ours in the blocks of a stream. Times are seconds of the processor, which other work on the machine
touches least; what is printed is seconds of audio for each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.machine import description
from codectool.models import dac, mimi, snac
from codectool.models.checkpoints import fold_weight_norm
from codectool.nn.layer import Layer
from tests.peers import test_dac, test_mimi, test_snac
from tests.peers.random_weights import noise

ROUNDS = 4
BLOCK_S = 1.0


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


# of each model: both sides, its rate, and how many frames are coded
CASES: dict[str, tuple[Callable[[], tuple[Side, Side]], int, int]] = {
    "mimi": (mimi_sides, 24_000, 60 * 1920),
    "snac_24khz": (snac_sides, 24_000, 60 * 2048),
    "dac_44khz": (dac_sides, 44_100, 172 * 512),
}


def seconds(function: Callable[[], Any]) -> float:
    """Return how long the processor works on it."""
    start = time.process_time()
    function()
    return time.process_time() - start


@torch.inference_mode()
def main() -> None:
    """Print how many seconds of audio each side codes in a second of one thread."""
    torch.set_num_threads(1)
    print(f"# {description()}")
    print("model,direction,seconds,theirs_times_real_time,ours_times_real_time,ratio", flush=True)
    for name in sys.argv[1:] or CASES:
        make, rate_hz, samples = CASES[name]
        theirs, ours = make()
        audio = noise(samples)
        codes = theirs.encode(audio), ours.encode(audio)  # which warms both up as well
        for direction in ("encode", "decode"):
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(ROUNDS):
                for side, found, given in zip((theirs, ours), times, codes, strict=True):
                    work = side.encode if direction == "encode" else side.decode
                    argument = audio if direction == "encode" else given
                    found.append(seconds(lambda work=work, argument=argument: work(argument)))
            speeds = [samples / rate_hz / min(found) for found in times]
            figures = ",".join(f"{speed:.2f}" for speed in speeds)
            print(
                f"{name},{direction},{samples / rate_hz:.2f},{figures},{speeds[1] / speeds[0]:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""How fast are EnCodec's networks here beside its published ones? `python -m benchmarks.peers.encodec_speed`

The 24 kHz model at 6 kbps with the same random weights (tests.peers.reference), both sides in turn in one
process, each on one thread, whose processor time is taken: other programs then disturb less. Ours streams in
blocks of a second, in float32 and in bfloat16. Besides speed the table has what part of the codes is theirs,
and how far the decoded sound is above its difference from theirs.

Where the time of bfloat16 went on an AMD EPYC with avx512_bf16, of about 20 ms for a second of audio: LSTM
6 ms, products 5 ms (at 200 GMAC/s, of the 250 that large ones reach on a thread), ELU 3.5 ms, copies 3 ms.
Next ideas, each by estimate: the residual sum within the product (0.35 ms less), no joining of blocks with
their past (0.35), the last convolution (0.2).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import write_table
from benchmarks.peers.encodec_equality import BLOCK_FRAMES, signal
from codectool.models.encodec import EncodecCodec
from tests.peers.reference import ours, random_reference

LEVELS = 8  # 6 kbps
RATE_HZ = 24_000
ROUNDS_UP_TO_S = 60  # longer recordings are measured once
TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = (
    "seconds",
    "side",
    "encode_times_real_time",
    "decode_times_real_time",
    "encode_to_theirs",
    "decode_to_theirs",
    "equal_codes",
    "equal_codes_of_level_0",
    "decoded_snr_db",
)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Return the processor time in seconds that this thread spends on a call, and its result."""
    started_s = time.thread_time()
    result = function(*arguments)
    return time.thread_time() - started_s, result


def their_codes(model: Any, audio: Tensor) -> Tensor:
    """Return codes `[levels, frames]` of audio `[1, 1, samples]`."""
    ((codes, _),) = model.encode(audio)
    return codes[0]


def their_audio(model: Any, codes: Tensor) -> Tensor:
    """Return the samples of codes."""
    audio: Tensor = model.decode([(codes[None], None)])
    return audio[0, 0]


def our_codes(codec: EncodecCodec, audio: Tensor) -> Tensor:
    """Return codes, block by block; of a whole number of blocks."""
    state, codes = codec.encoder.initial_state(1), []
    for block in audio[0, 0].split(BLOCK_FRAMES * codec.encoder.hop):
        latents, state = codec.encoder.step(block[None, :, None], state)
        codes.append(codec.quantizer.encode(latents, LEVELS)[0])
    return torch.cat(codes, dim=1)


def our_audio(codec: EncodecCodec, codes: Tensor) -> Tensor:
    """Return samples, block by block."""
    state, audio = codec.decoder.initial_state(1), []
    for block in codes.split(BLOCK_FRAMES, dim=1):
        samples, state = codec.decoder.step(codec.quantizer.decode(block[None]), state)
        audio.append(samples[0, :, 0])
    return torch.cat(audio)


@torch.inference_mode()
def measure(model: Any, codecs: dict[str, EncodecCodec], seconds: int, rounds: int) -> list[list[object]]:
    """Return the rows of one length."""
    audio = signal("speech", seconds * RATE_HZ, RATE_HZ, 1)
    sides: dict[str, tuple[Callable[[Any, Tensor], Tensor], Callable[[Any, Tensor], Tensor], Any]]
    sides = {"encodec": (their_codes, their_audio, model)}
    sides |= {name: (our_codes, our_audio, codec) for name, codec in codecs.items()}
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    results: dict[str, tuple[Tensor, Tensor]] = {}
    for _ in range(rounds):
        for side, (encode, decode, network) in sides.items():
            encode_s, codes = timed(encode, network, audio)
            # all decode the same codes
            decode_s, sound = timed(decode, network, results.get("encodec", (codes,))[0])
            times[side].append((encode_s, decode_s))
            results[side] = codes, sound
    their_result_codes, their_sound = results["encodec"]
    theirs = [statistics.median(part) for part in zip(*times["encodec"], strict=True)]
    rows: list[list[object]] = []
    for side, (codes, sound) in results.items():
        spent = [statistics.median(part) for part in zip(*times[side], strict=True)]
        equal = (codes == their_result_codes).float()
        noise = (sound - their_sound).square().sum()
        snr_db = round(float(10 * torch.log10(their_sound.square().sum() / noise)), 1) if noise else ""
        speeds = [round(seconds / part, 1) for part in spent]
        ratios = [round(other / part, 2) for other, part in zip(theirs, spent, strict=True)]
        parts = [round(float(equal.mean()), 6), round(float(equal[0].mean()), 6)]
        rows.append([seconds, side, *speeds, *ratios, *parts, snr_db])
    return rows


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", default="10,600", help="lengths; theirs takes 10 GB for 600")
    parser.add_argument("--rounds", type=int, default=5, help="of short recordings")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = random_reference("encodec_24khz")
    model.set_target_bandwidth(6.0)
    codecs = {"float32": ours(model), "bfloat16": ours(model, torch.bfloat16)}
    rows = []
    for seconds in map(int, arguments.seconds.split(",")):
        rounds = arguments.rounds if seconds <= ROUNDS_UP_TO_S else 1
        for row in measure(model, codecs, seconds, rounds):
            rows.append(row)
            print(*row, flush=True)
    write_table(TABLE, [COLUMNS, *rows], f", encodec {version('encodec')}; one thread, its processor time")


if __name__ == "__main__":
    main()

"""What streams side by side in one pass gain over one after another, and whether each keeps its bits.

`python -m benchmarks.side_by_side [MODEL...] [--device cuda]` prints a table and writes it. Every stream is
noise, encoded in the blocks that sessions use. Of models whose weights are not here the weights are random,
which changes no time. Times are of a core, on one thread (of the clock on another device). Bits are those of
the latents, of the state for ONNX Runtime, and of the codes where there are segments.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.machine import write_table
from codectool.engines.torch_engine import inference, stages_of
from codectool.models.loading import load
from codectool.models.registry import ModelEntry, find
from codectool.models.torch_loading import family_of
from codectool.nn.linear import pack
from tests.peers.random_weights import fill

TABLE = Path(__file__).with_suffix(".csv")
COUNTS = (2, 4)
COMPARED = 2  # streams of a pass whose bits are compared
ROUNDS = 2

Encode = Callable[[Any], list[Any]]  # audio `[streams, channels, samples]` to arrays `[streams, ...]`

# of each way: the model, the engine, levels, and how many blocks are coded
CASES = {
    "base_24khz": ("onnxruntime", 8, 8),
    "base_24khz torch": ("torch", 8, 8),
    "encodec_24khz": ("torch", 8, 3),
    "mimi": ("torch", 8, 3),
    "qwen3_tts_12hz": ("torch", 8, 3),
    "encodec_48khz": ("torch", 4, 1),
    "dac_24khz": ("torch", 8, 1),
    "dac_44khz": ("torch", 9, 1),
    "snac_24khz": ("torch", 7, 1),
}


def random_codec(entry: ModelEntry, device: str) -> Any:
    """Return a codec with random weights and codebooks."""
    family = family_of(entry)
    codec: Any = family.build(family.config(**entry.config))
    codec.eval().requires_grad_(False)
    fill(codec)
    for name, tensor in codec.state_dict().items():
        if "codebook" in name and tensor.is_floating_point():
            nn.init.normal_(tensor)
    codec.to(device)
    if device == "cpu":
        pack(codec, torch.float32, release=True)
    return codec


def torch_encode(codec: Any, levels: int, block_samples: int, device: str) -> Encode:
    """Return what encodes by PyTorch, block by block, to latents and codes."""
    part = next(part for most, part in stages_of(codec) if levels <= (most or levels))

    def encode(audio: Any) -> list[Any]:
        audio = torch.from_numpy(audio).to(device).transpose(1, 2)
        state, latents = part.encoder.initial_state(len(audio)), []
        codes = []
        for block in audio.split(block_samples, dim=1):
            found, state = part.encoder.step(block, state)
            if found.shape[1]:
                latents.append(found)
                codes.append(part.quantizer.encode(found, levels))
        return [torch.cat(latents, dim=1).cpu().numpy(), torch.cat(codes, dim=-1).cpu().numpy()]

    return encode


def segment_encode(codec: Any, levels: int, device: str) -> Encode:
    """Return what encodes segments by PyTorch to codes."""
    return lambda audio: [
        codec.encode_segment(torch.from_numpy(audio).to(device).transpose(1, 2), levels)[0].cpu().numpy()
    ]


def onnx_encode(name: str, levels: int, block_samples: int) -> Encode:
    """Return what encodes by ONNX Runtime, block by block, to codes and the last state."""
    network = load(name, engine="onnxruntime").encoder

    def encode(audio: Any) -> list[Any]:
        state, codes = network.initial_state(len(audio)), []
        for first in range(0, audio.shape[2], block_samples):
            found, state = network.step(audio[..., first : first + block_samples], state, levels)
            codes.append(found)
        return [np.concatenate(codes, axis=2), *state]

    return encode


def encode_of(entry: ModelEntry, engine: str, levels: int, block_samples: int, device: str) -> Encode:
    """Return what encodes by a model."""
    if engine == "onnxruntime":
        return onnx_encode(entry.name, levels, block_samples)
    if entry.name == "base_24khz":
        encoder: Any = load(entry.name, device=device, engine="torch").encoder
        codec = encoder.codec
    else:
        codec = random_codec(entry, device)
    if entry.segment_samples is not None:
        return segment_encode(codec, levels, device)
    return torch_encode(codec, levels, block_samples, device)


def rows(way: str, device: str) -> Iterator[list[object]]:
    """Yield the row of each number of streams."""
    engine, levels, blocks = CASES[way]
    entry = find(way.partition(" ")[0])
    block_samples = entry.packet_frames() * entry.hop_samples
    shape = max(COUNTS), entry.channels, blocks * block_samples
    audio = 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)
    encode = encode_of(entry, engine, levels, block_samples, device)
    now_s = time.process_time if device == "cpu" else time.perf_counter
    alone = [encode(audio[row : row + 1]) for row in range(COMPARED)]
    seconds_of_one = shape[2] / entry.sample_rate_hz

    def times_real_time(count: int) -> float:
        started_s = now_s()
        encode(audio[:count])
        return seconds_of_one * count / (now_s() - started_s)

    for count in COUNTS:
        together = encode(audio[:count])
        same = all(
            np.array_equal(found[row], expected[0])
            for row in range(COMPARED)
            for found, expected in zip(together, alone[row], strict=True)
        )
        # in turn, so that other work on the machine hurts both
        pairs = [(times_real_time(1), times_real_time(count)) for _ in range(ROUNDS)]
        one, several = (max(speeds) for speeds in zip(*pairs, strict=True))
        speeds = round(one, 2), round(several, 2), round(several / one, 2)
        yield [entry.name, engine, levels, count, *speeds, same]


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--remark", default="", help="on the state of the machine, for the table")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    table: list[list[object]] = [
        ["model", "engine", "levels", "streams", "alone", "together", "gain", "same_bits"]
    ]
    print(*table[0], sep=", ", flush=True)
    with inference():
        for way in arguments.ways or CASES:
            if CASES[way][0] == "onnxruntime" and arguments.device != "cpu":
                continue
            for row in rows(way, arguments.device):
                print(*row, sep=", ", flush=True)
                table.append(row)
                remark = f"; {arguments.remark}" if arguments.remark else ""
                write_table(TABLE, table, f"; times real time{remark}")


if __name__ == "__main__":
    main()

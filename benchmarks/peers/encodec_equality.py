"""Are EnCodec's networks here numerically its published ones? `python -m benchmarks.peers.encodec_equality`

Both sides get the same random weights (tests.peers.reference), both run on one thread. Codes must be equal,
audio decoded from the same codes within 1e-4 of its peak. A frame whose codes differ is explained only if at
its first differing level both candidates are equally near, within 1e-5 of their distance; its later levels
are not compared. Ours streams in blocks where the model is causal; theirs gets the whole signal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.machine import write_table
from codectool.models.encodec import EncodecCodec
from codectool.models.registry import find
from codectool.nn import seanet_convolution as reflected
from codectool.nn.convolution import Pointwise
from codectool.nn.recurrent import ResidualLSTM
from tests.peers.reference import ours, random_reference, recording

MODELS = ("encodec_24khz", "encodec_48khz", "encodec_32khz")
SIGNALS = ("speech", "music", "silence", "clicks", "noise")
TIE = 1e-5  # relative to the distance
AUDIO_TOLERANCE = 1e-4  # of the peak
BLOCK_FRAMES = 75
USED_CODES = 50  # more than this many a level have to be in use
CHANGED_CODES = 0.1  # more than this part has to change when a network is made wrong
TABLE = Path(__file__).with_suffix(".csv")


@dataclass
class Row:
    """What came of one signal at one rate."""

    model: str
    signal: str
    samples: int
    kbps: float
    levels: int
    codes: int
    differing_frames: int
    explained_frames: int
    unexplained_frames: int
    audio_error: float  # largest, of the peak

    @property
    def is_equal(self) -> bool:
        """Whether all is as it has to be."""
        return self.unexplained_frames == 0 and self.audio_error <= AUDIO_TOLERANCE


def lengths(rate_hz: int) -> list[int]:
    """Return lengths in samples around a frame and around 2 s (48 kHz: a segment), and 7 s and a bit."""
    return [1, 319, 320, 321, 47_999, 48_000, 48_001, 7 * rate_hz + 13]


def levels_of(name: str) -> list[int]:
    """Return the levels of the published rates, and some it does not offer."""
    return {
        "encodec_24khz": [1, 2, 3, 4, 7, 8, 16, 31, 32],
        "encodec_48khz": [1, 2, 3, 4, 8, 13, 16],
        "encodec_32khz": [1, 3, 4],
    }[name]


def signal(name: str, samples: int, rate_hz: int, channels: int) -> Tensor:
    """Return a signal `[1, channels, samples]`."""
    generator = torch.Generator().manual_seed(1)
    if name in ("speech", "music"):
        audio = recording({"speech": "speech.wav", "music": "music.flac"}[name], rate_hz, channels)
        return audio.repeat(1, 1, -(-samples // audio.shape[2]))[:, :, :samples].contiguous()
    if name == "noise":
        return 0.1 * torch.randn(1, channels, samples, generator=generator)
    audio = torch.zeros(1, channels, samples)
    if name == "clicks":
        audio[:, :, :: rate_hz // 9] = 0.8
        audio[:, 0, 5 :: rate_hz // 7] = -0.6
    return audio


def segments_of(name: str, audio: Tensor) -> list[Tensor]:
    """Cut audio as the published code does."""
    entry = find(name)
    size, stride = entry.segment_samples, entry.segment_stride_samples
    if size is None or stride is None:
        return [audio]
    return [audio[:, :, start : start + size] for start in range(0, audio.shape[2], stride)]


def their_latents(model: Any, audio: Tensor) -> Tensor:
    """Return the latents `[frames, dim]` of a segment, or of all."""
    if model.normalize:
        audio = audio / (1e-8 + audio.mean(dim=1, keepdim=True).square().mean(dim=2, keepdim=True).sqrt())
    latents: Tensor = model.encoder(audio)[0].T
    return latents


def encoded(codec: EncodecCodec, audio: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Return our codes `[levels, frames]` of a segment and its scale; of a causal model from a stream."""
    x = audio.transpose(1, 2)
    if not codec.config.causal:
        codes, scale = codec.encode_segment(x, levels)
        return codes[0], scale
    block = BLOCK_FRAMES * codec.encoder.hop
    return codec.quantizer.encode(_streamed(codec.encoder, x, block), levels)[0], x.new_ones(1)


def decoded(codec: EncodecCodec, codes: Tensor, scale: Tensor) -> Tensor:
    """Return our audio `[channels, samples]` of codes `[levels, frames]`."""
    if not codec.config.causal:
        return codec.decode_segment(codes[None], scale)[0].T
    return _streamed(codec.decoder, codec.quantizer.decode(codes[None]), BLOCK_FRAMES)[0].T


def _streamed(layer: Any, x: Tensor, block: int) -> Tensor:
    state, outputs, start = layer.initial_state(1), [], 0
    for start in range(0, x.shape[1] // block * block, block):
        y, state = layer.step(x[:, start : start + block], state)
        outputs.append(y)
    whole = x.shape[1] // block * block
    return torch.cat((*outputs, layer.finish(x[:, whole:], state)), dim=1)


def tied_frames(latents: Tensor, theirs: Tensor, our_codes: Tensor, codebooks: Tensor) -> Tensor:
    """Return for each frame whether its codes, where they first differ, are equally near to what is left."""
    differing = theirs != our_codes
    first = differing.int().argmax(dim=0)
    tied = torch.zeros(theirs.shape[1], dtype=torch.bool)
    for frame in differing.any(dim=0).nonzero()[:, 0].tolist():
        level = int(first[frame])
        entries = codebooks[range(level), theirs[:level, frame]].double()
        residual = latents[frame].double() - entries.sum(dim=0)
        candidates = codebooks[level, [theirs[level, frame], our_codes[level, frame]]].double()
        distances = (residual - candidates).square().sum(dim=1)
        tied[frame] = (distances[0] - distances[1]).abs() <= TIE * distances.max()
    return tied


@torch.inference_mode()
def compare(model: Any, codec: EncodecCodec, name: str, samples: int, levels: list[int]) -> Iterator[Row]:
    """Yield a row for each number of levels."""
    entry = find(model.name)
    audio = signal(name, samples, entry.sample_rate_hz, entry.channels)
    segments = segments_of(model.name, audio)
    latents = [their_latents(model, segment) for segment in segments]
    codebooks = codec.quantizer.codebooks
    our_codes_and_scales = [encoded(codec, segment, entry.levels) for segment in segments]
    for count in levels:
        codes = differing = explained = 0
        error = peak = 0.0
        for segment_latents, (all_codes, scale) in zip(latents, our_codes_and_scales, strict=True):
            our_codes = all_codes[:count]
            theirs = model.quantizer.vq.encode(segment_latents.T[None], count)[:, 0]
            assert our_codes.shape == theirs.shape
            tied = tied_frames(segment_latents, theirs, our_codes, codebooks)
            codes += theirs.numel()
            differing += int((theirs != our_codes).any(dim=0).sum())
            explained += int(tied.sum())
            their_audio = model._decode_frame((theirs[None], scale[:, None]))[0]
            our_audio = decoded(codec, theirs, scale)
            error = max(error, float((their_audio - our_audio).abs().max()))
            peak = max(peak, float(their_audio.abs().max()))
        kbps = round(count * entry.level_bps / 1000, 3)
        relative = float(f"{error / max(peak, 1e-30):.2g}")
        unexplained = differing - explained
        yield Row(model.name, name, samples, kbps, count, codes, differing, explained, unexplained, relative)


@contextmanager
def without_lstm(codec: EncodecCodec) -> Iterator[None]:
    """Within this, the encoder leaves its LSTM out."""
    parts: Any = codec.encoder.parts
    index = next(i for i, part in enumerate(parts) if isinstance(part, ResidualLSTM))
    lstm, parts[index] = parts[index], Pointwise(nn.Identity())
    try:
        yield
    finally:
        parts[index] = lstm


@contextmanager
def with_zero_padding(codec: EncodecCodec) -> Iterator[None]:
    """Within this, signals go on with zeros at their ends."""
    reflect = reflected.reflect
    reflected.reflect = lambda x, before, after: F.pad(x, (0, 0, before, after))
    try:
        yield
    finally:
        reflected.reflect = reflect


@torch.inference_mode()
def proofs(codec: EncodecCodec, name: str, samples: int) -> dict[str, float]:
    """Return what shows that wrong networks would be found: codes in use, and parts of codes that change.

    Codes in use are those of all signals at 7 s, the fewest of a level; changes are those at `samples`.
    """
    entry = find(name)
    rate_hz, channels = entry.sample_rate_hz, entry.channels
    used: list[set[int]] = [set() for _ in range(entry.levels)]
    for signal_name in SIGNALS:
        for segment in segments_of(name, signal(signal_name, 7 * rate_hz, rate_hz, channels)):
            for level, codes in enumerate(encoded(codec, segment, entry.levels)[0].tolist()):
                used[level].update(codes)
    segments = [segments_of(name, signal(kind, samples, rate_hz, channels))[0] for kind in SIGNALS]

    def all_codes() -> Tensor:
        return torch.cat([encoded(codec, segment, entry.levels)[0] for segment in segments], dim=1)

    right = all_codes()
    facts: dict[str, float] = {"fewest_codes_used": min(map(len, used))}
    for way, broken in (("without_lstm", without_lstm), ("with_zero_padding", with_zero_padding)):
        with broken(codec):
            facts[f"changed_{way}"] = float((all_codes() != right).float().mean())
    return facts


def main() -> None:
    """Compare, print, and write the table; exit 1 if anything is not equal or a proof fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS), help="which, separated by commas")
    names = parser.parse_args().models.split(",")
    torch.set_num_threads(1)
    rows, shown = [], True
    for name in names:
        model = random_reference(name)
        codec = ours(model)
        facts = proofs(codec, name, 48_000)
        print(name, {key: round(value, 3) for key, value in facts.items()}, flush=True)
        shown &= facts.pop("fewest_codes_used") > USED_CODES
        shown &= all(part > CHANGED_CODES for part in facts.values())
        for signal_name in SIGNALS:
            for samples in lengths(find(name).sample_rate_hz):
                rows += compare(model, codec, signal_name, samples, levels_of(name))
                print(*astuple(rows[-1]), flush=True)
    heading = [field.name for field in fields(Row)]
    write_table(TABLE, [heading, *map(astuple, rows)], f", encodec {version('encodec')}")
    unexplained = sum(row.unexplained_frames for row in rows)
    codes = sum(row.codes for row in rows)
    explained = sum(row.explained_frames for row in rows)
    worst = max(row.audio_error for row in rows)
    print(f"{len(rows)} rows, {codes} codes, audio within {worst} of its peak")
    print(f"{explained} frames differ at ties, {unexplained} unexplained")
    sys.exit(not (shown and all(row.is_equal for row in rows)))


if __name__ == "__main__":
    main()

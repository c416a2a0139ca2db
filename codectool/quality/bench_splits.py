"""Where the time of coding goes: each part of the two loops, timed alone."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler
from codectool.audio.sink import open_sink
from codectool.audio.source import open_source
from codectool.container import Header, Reader, Writer
from codectool.container.header import PACKET_FRAMES
from codectool.engines.network import AudioBatch, CodesBatch
from codectool.engines.torch_engine import on_threads
from codectool.models.loaded import LoadedModel

RECORDING_RATE_HZ, RECORDING_CHANNELS = 48_000, 2  # what most recordings are: read, mixed and resampled
PIECE_S = 8.0  # of what is timed part by part: as long as blocks that are computed together

Parts = dict[str, Callable[[], object]]


def median_s(function: Callable[[], object], rounds: int) -> float:
    """Return the median of the times that so many calls take, after one that is not counted."""
    times_s = []
    for _ in range(rounds + 1):
        started_s = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - started_s)
    return statistics.median(times_s[1:])


def splits(
    model: LoadedModel, recording: Block, levels: int, device: str, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Time each part of both loops alone, on one thread: milliseconds a second of audio, by name.

    `recording` is 48 kHz `[channels, samples]`, of which PIECE_S at most are taken; a time is the median of
    `rounds`.
    """
    recording = recording[:, : round(PIECE_S * RECORDING_RATE_HZ)]
    seconds = recording.shape[1] / RECORDING_RATE_HZ
    model_hz, hop = model.entry.sample_rate_hz, model.entry.hop_samples
    audio = Resampler(RECORDING_RATE_HZ, model_hz, 1).push(mix_to_mono(recording))
    whole = audio[None, :, : audio.shape[1] // hop * hop]
    with tempfile.TemporaryDirectory() as folder, on_threads(1), torch.inference_mode():
        codes = model.encoder.step(whole, model.encoder.initial_state(1), levels)[0]
        of_torch = model.engine == "torch"
        encoding, decoding = (
            _torch_parts(model, whole, codes, device) if of_torch else _engine_parts(model, whole, codes)
        )
        packed = _packed(model, codes)
        path = Path(folder, "a.wav")
        _write_wav(path, recording)
        encode: Parts = {
            "read_and_mix": lambda: _read_wav(path),
            "resample": lambda: Resampler(RECORDING_RATE_HZ, model_hz, 1).push(recording[:1]),
            **encoding,
            "container": lambda: _packed(model, codes),
        }
        decode: Parts = {
            "container": lambda: list(Reader(io.BytesIO(packed))),
            **decoding,
            "resample": lambda: Resampler(model_hz, RECORDING_RATE_HZ, 1).push(audio),
            "write": lambda: _write_wav(path, recording[:1]),
        }
        encode_ms, decode_ms = (
            {name: 1000 * median_s(part, rounds) / seconds for name, part in parts.items()}
            for parts in (encode, decode)
        )
    return encode_ms, decode_ms


def _torch_parts(
    model: LoadedModel, audio: AudioBatch, codes: CodesBatch, device: str
) -> tuple[Parts, Parts]:
    """The network and its quantizer apart, which PyTorch can run so."""
    codec: Any = getattr(model.encoder, "codec")  # noqa: B009 (only that engine has one)
    x = torch.from_numpy(audio).to(device).transpose(1, 2)
    chosen = torch.from_numpy(codes.astype(np.int64)).to(device)
    latents = codec.encoder.step(x, codec.encoder.initial_state(1))[0]
    encode: Parts = {
        "network": lambda: codec.encoder.step(x, codec.encoder.initial_state(1))[0].cpu(),
        "rvq": lambda: codec.quantizer.encode(latents, codes.shape[1]).cpu(),
    }
    decode: Parts = {
        "rvq": lambda: codec.quantizer.decode(chosen).cpu(),
        "network": lambda: codec.decoder.step(latents, codec.decoder.initial_state(1))[0].cpu(),
    }
    return encode, decode


def _engine_parts(model: LoadedModel, audio: AudioBatch, codes: CodesBatch) -> tuple[Parts, Parts]:
    """The network with its quantizer, as one graph holds both."""
    encoder, decoder = model.encoder, model.decoder
    encode: Parts = {
        "network_and_rvq": lambda: encoder.step(audio, encoder.initial_state(1), codes.shape[1]),
    }
    decode: Parts = {"rvq_and_network": lambda: decoder.step(codes, decoder.initial_state(1))}
    return encode, decode


def _read_wav(path: Path) -> list[Block]:
    with open_source(path) as source:
        return [mix_to_mono(block) for block in source.blocks()]


def _write_wav(path: Path, audio: Block) -> None:
    with open_sink(path, rate_hz=RECORDING_RATE_HZ, channels=audio.shape[0], overwrite=True) as sink:
        sink.write(audio)


def _packed(model: LoadedModel, codes: CodesBatch) -> bytes:
    """Return a file of codes `[1, levels, frames]`."""
    entry, stream = model.entry, io.BytesIO()
    header = Header(
        model=entry.name,
        fingerprint=model.fingerprint,
        model_rate_hz=entry.sample_rate_hz,
        hop_samples=entry.hop_samples,
        bits_per_code=entry.code_bits,
        levels=codes.shape[1],
        streams=1,
        original_rate_hz=entry.sample_rate_hz,
        original_channels=1,
        frames_per_packet=PACKET_FRAMES,
    )
    writer = Writer(stream, header)
    writer.write_codes(codes)
    writer.finish(codes.shape[2] * entry.hop_samples)
    return stream.getvalue()

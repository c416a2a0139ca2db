"""How fast this machine codes: rates, where the time goes, the delay of one frame, memory, and starting."""

from __future__ import annotations

import io
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from codectool import pipeline
from codectool.audio.mix import to_channels
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler
from codectool.audio.sink import open_sink
from codectool.audio.source import open_source
from codectool.container import Codes, Header, Reader, Writer
from codectool.container.header import PACKET_FRAMES
from codectool.engines.threads import usable_threads
from codectool.errors import CodecError, UsageError
from codectool.models.loaded import LoadedModel
from codectool.models.loading import RunsModel, load
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.pipeline import DecodeJob, EncodeJob
from codectool.sessions.streaming import DecoderSession, EncoderSession

RECORDING_RATE_HZ, RECORDING_CHANNELS = 48_000, 2  # what most recordings are: read, mixed and resampled
PIECE_S = 8.0  # of what is timed part by part: as long as blocks that are computed together
# Not by getrusage, which counts what the parent had before the process became another.
PEAK_MEMORY = """
import pathlib, sys
from codectool.__main__ import run
run(sys.argv[1:])
status = pathlib.Path("/proc/self/status")  # elsewhere than on Linux, nothing is printed
print(status.read_text().split("VmHWM:")[1].split()[0] if status.exists() else "", end="")
"""
LATENCY_FRAMES = 600
LATENCY_WARM_UP_FRAMES = 50


@dataclass(frozen=True)
class BenchJob(RunsModel):
    """What to measure; `threads` of None are one a core."""

    model: str = DEFAULT_MODEL
    threads: int | None = None
    duration_s: float = 60.0
    rounds: int = 5
    levels: int = 8


@dataclass
class BenchResult:
    """Figures by name, with their unit in it; a split is milliseconds of one thread a second of audio."""

    facts: dict[str, str | int | float | bool] = field(default_factory=dict)
    encode_split_ms: dict[str, float] = field(default_factory=dict)
    decode_split_ms: dict[str, float] = field(default_factory=dict)


def bench(job: BenchJob) -> BenchResult:
    """Measure on audio made up for it; medians of `rounds`. UsageError for numbers that cannot be."""
    entry = find(job.model)
    entry.check_levels(job.levels)
    if not entry.causal:
        raise UsageError(f"{entry.name} codes in segments or whole recordings, and the bench times streams")
    if not 1 <= job.duration_s < math.inf or job.rounds < 1 or (job.threads or 1) < 1:
        raise UsageError("at least 1 second, 1 round and 1 thread are needed")
    model = load(job.model, *job.how)
    recording = synthetic(job.duration_s, RECORDING_RATE_HZ, RECORDING_CHANNELS)
    audio = synthetic(job.duration_s, model.entry.sample_rate_hz, model.entry.channels)
    result = BenchResult()
    result.facts = {
        "model": model.entry.name,
        "device": job.device,
        "engine": model.engine,
        "precision": model.precision,
        "threads": job.threads or usable_threads(),
        "joined_blocks": job.levels in model.joined_levels,
        "levels": job.levels,
        "audio_s": job.duration_s,
    }
    result.facts |= _in_memory(job, model, audio)
    result.facts |= _files(job, model, recording)
    result.encode_split_ms, result.decode_split_ms = _splits(job, model, recording)
    result.facts |= _latencies(job, model, audio)
    result.facts |= _start(job, model.engine)
    return result


def synthetic(duration_s: float, rate_hz: int, channels: int) -> Block:
    """Return noise whose level swells and falls, as `[channels, samples]`."""
    samples = round(duration_s * rate_hz)
    swell = 0.05 * (1 + np.sin(np.arange(samples, dtype=np.float32) * (2 * np.pi / rate_hz)))
    noise = np.random.default_rng(0).standard_normal((channels, samples), dtype=np.float32)
    audio: Block = noise * swell
    return audio


def median_s(function: Callable[[], object], rounds: int) -> float:
    """Return the median of the times that so many calls take, after one that is not counted."""
    times_s = []
    for _ in range(rounds + 1):
        started_s = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - started_s)
    return statistics.median(times_s[1:])


def _in_memory(job: BenchJob, model: LoadedModel, audio: Block) -> dict[str, float]:
    def encode() -> Codes:
        session = EncoderSession(model, job.levels, threads=job.threads)
        return np.concatenate([session.push(audio), session.finish()], axis=1)

    def decode() -> None:
        session = DecoderSession(model, threads=job.threads)
        session.push(codes)
        session.finish()

    codes = encode()
    encode_s, decode_s = median_s(encode, job.rounds), median_s(decode, job.rounds)
    return {
        "encode_times_real_time": job.duration_s / encode_s,
        "decode_times_real_time": job.duration_s / decode_s,
    }


def _files(job: BenchJob, model: LoadedModel, recording: Block) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        source, coded, back = (str(Path(folder, name)) for name in ("in.wav", "out.ecdc", "back.wav"))
        with open_sink(source, rate_hz=RECORDING_RATE_HZ, channels=RECORDING_CHANNELS) as sink:
            sink.write(recording)
        encoding = EncodeJob(source, coded, levels=job.levels, model=job.model, overwrite=True)
        decoding = DecodeJob(coded, back, overwrite=True)
        encode_s = median_s(lambda: pipeline.encode(encoding, loader=lambda *_: model), job.rounds)
        decode_s = median_s(lambda: pipeline.decode(decoding, loader=lambda *_: model), job.rounds)
        command = ["-m", "codectool", "encode", source, coded, "-f", "-q", "--levels", str(job.levels)]
        command += ["--model", job.model, "--device", job.device]
        command += ["--engine", job.engine, "--precision", job.precision]
        command += ["--weights", str(job.weights)] if job.weights is not None else []
        process_s = median_s(partial(_run, job, *command), 3)
        peak_kib = _run(job, "-c", PEAK_MEMORY, *command[2:])
    return {
        "file_encode_times_real_time": job.duration_s / encode_s,
        "file_decode_times_real_time": job.duration_s / decode_s,
        "process_encode_times_real_time": job.duration_s / process_s,
        "process_peak_memory_mib": float(peak_kib or 0) / 1024,
    }


def _splits(job: BenchJob, model: LoadedModel, recording: Block) -> tuple[dict[str, float], dict[str, float]]:
    """Time each part of both loops alone, on one thread."""
    seconds = min(PIECE_S, job.duration_s)
    recording = recording[:, : round(seconds * RECORDING_RATE_HZ)]
    model_hz, hop, channels = model.entry.sample_rate_hz, model.entry.hop_samples, model.entry.channels
    encoder, decoder = model.encoder, model.decoder
    mixed = to_channels(recording, channels)
    audio = Resampler(RECORDING_RATE_HZ, model_hz, channels).push(mixed)
    x = audio[None, :, : audio.shape[1] // hop * hop]
    start, decoder_start = encoder.initial_state(1), decoder.initial_state(1)
    codes, _ = encoder.step(x, start, job.levels)
    packed = _packed(model, codes[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.wav")
        _write_wav(path, recording)
        encode = {
            "read_and_mix": lambda: _read_wav(path, channels),
            "resample": lambda: Resampler(RECORDING_RATE_HZ, model_hz, channels).push(mixed),
            "network": lambda: encoder.step(x, start, 1),
            "rvq": lambda: encoder.step(x, start, job.levels),
            "container": lambda: _packed(model, codes[0]),
        }
        decode = {
            "container": lambda: list(Reader(io.BytesIO(packed))),
            "network": lambda: decoder.step(codes, decoder_start),
            "resample": lambda: Resampler(model_hz, RECORDING_RATE_HZ, channels).push(audio),
            "write": lambda: _write_wav(path, mixed),
        }
        encode_ms, decode_ms = (
            {name: 1000 * median_s(part, job.rounds) / seconds for name, part in parts.items()}
            for parts in (encode, decode)
        )
    # All levels cost the same, so that one and several tell what the network costs without any.
    level_ms = (encode_ms["rvq"] - encode_ms["network"]) / max(1, job.levels - 1)
    encode_ms |= {"network": encode_ms["network"] - level_ms, "rvq": job.levels * level_ms}
    return encode_ms, decode_ms


def _read_wav(path: Path, channels: int) -> list[Block]:
    with open_source(path) as source:
        return [to_channels(block, channels) for block in source.blocks()]


def _write_wav(path: Path, audio: Block) -> None:
    with open_sink(path, rate_hz=RECORDING_RATE_HZ, channels=audio.shape[0], overwrite=True) as sink:
        sink.write(audio)


def _packed(model: LoadedModel, codes: Codes) -> bytes:
    """Return a file of codes `[levels, frames]`."""
    entry, stream = model.entry, io.BytesIO()
    header = Header(
        model=entry.name,
        fingerprint=model.fingerprint,
        model_rate_hz=entry.sample_rate_hz,
        hop_samples=entry.hop_samples,
        bits_per_code=entry.code_bits,
        levels=codes.shape[0],
        streams=1,
        original_rate_hz=entry.sample_rate_hz,
        original_channels=entry.channels,
        frames_per_packet=PACKET_FRAMES,
    )
    writer = Writer(stream, header)
    writer.write_codes(codes[None])
    writer.finish(codes.shape[1] * entry.hop_samples)
    return stream.getvalue()


def _latencies(job: BenchJob, model: LoadedModel, audio: Block) -> dict[str, float]:
    """Time single frames through whole sessions on one thread."""
    hop = model.entry.hop_samples
    encoder = EncoderSession(model, job.levels, block_frames=1, threads=1)
    decoder = DecoderSession(model, block_frames=1, threads=1)
    times_ms: dict[str, list[float]] = {"encode": [], "decode": []}
    for frame in range(LATENCY_WARM_UP_FRAMES + LATENCY_FRAMES):
        first = frame * hop % (audio.shape[1] - hop + 1)
        started_s = time.perf_counter()
        codes = encoder.push(audio[:, first : first + hop])
        encoded_s = time.perf_counter()
        decoder.push(codes)
        times_ms["encode"].append(1000 * (encoded_s - started_s))
        times_ms["decode"].append(1000 * (time.perf_counter() - encoded_s))
    return {
        f"frame_{way}_ms_p{percent}": float(np.percentile(values[LATENCY_WARM_UP_FRAMES:], percent))
        for way, values in times_ms.items()
        for percent in (50, 99)
    }


def _start(job: BenchJob, engine: str) -> dict[str, float]:
    """Time processes that start, import what is needed, and code a first frame, each with all before it."""
    module = "onnxruntime" if engine == "onnxruntime" else "torch"
    first_frame = "import sys, pathlib; import numpy as np; from codectool.models.loading import load; "
    first_frame += "weights = pathlib.Path(sys.argv[6]) if sys.argv[6:] else None; "
    first_frame += "model = load(sys.argv[1], weights, *sys.argv[2:5]); encoder = model.encoder; "
    first_frame += "samples = max(encoder.first_push_samples, encoder.hop_samples); "
    first_frame += "audio = np.zeros((1, encoder.channels, samples), np.float32); "
    first_frame += "encoder.step(audio, encoder.initial_state(1), int(sys.argv[5]))"
    given = [job.model, job.device, job.precision, engine, str(job.levels)]
    given += [str(job.weights)] if job.weights is not None else []
    programs = {
        "start_python": "",
        "import_numpy": "import numpy",
        "import_engine": f"import {module}",
        "first_frame": first_frame,
    }
    return {
        f"{name}_s": median_s(partial(_run, job, "-c", program, *given), 3)
        for name, program in programs.items()
    }


def _run(job: BenchJob, *arguments: str) -> str:
    """Run Python in a process of its own, with the threads of the job; return what it prints."""
    environment = os.environ | ({"OMP_NUM_THREADS": str(job.threads)} if job.threads is not None else {})
    done = subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment, check=False
    )
    if done.returncode:
        raise CodecError(f"a process that was to be timed ended with exit code {done.returncode}")
    return done.stdout

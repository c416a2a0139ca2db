"""How fast this machine codes: rates, where the time goes, the delay of one frame, memory, and starting."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from codectool import pipeline
from codectool.audio.pcm import Block
from codectool.audio.sink import open_sink
from codectool.container import Codes
from codectool.engines.torch_engine import on_threads
from codectool.errors import CodecError, UsageError
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.pipeline import DecodeJob, EncodeJob
from codectool.quality.bench_splits import RECORDING_CHANNELS, RECORDING_RATE_HZ, median_s, splits
from codectool.sessions.streaming import DecoderSession, EncoderSession

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
class BenchJob:
    """What to measure; `threads` of None are as many as torch may use."""

    model: str = DEFAULT_MODEL
    weights: Path | None = None
    device: str = "cpu"
    precision: str = "auto"
    engine: str = "auto"
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
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    model = load(job.model, job.weights, job.device, job.precision, job.engine)
    recording = made_up(job.duration_s, RECORDING_RATE_HZ, RECORDING_CHANNELS)
    audio = made_up(job.duration_s, model.entry.sample_rate_hz, 1)
    result = BenchResult()
    result.facts = {
        "model": model.entry.name,
        "device": job.device,
        "precision": job.precision,
        "engine": model.engine,
        "threads": torch.get_num_threads(),
        "joined_blocks": model.joins_blocks,
        "levels": job.levels,
        "audio_s": job.duration_s,
    }
    result.facts |= _in_memory(job, model, audio)
    result.facts |= _files(job, model, recording)
    result.encode_split_ms, result.decode_split_ms = splits(
        model, recording, job.levels, job.device, job.rounds
    )
    result.facts |= _latencies(job, model, audio)
    result.facts |= _start(job)
    return result


def made_up(duration_s: float, rate_hz: int, channels: int) -> Block:
    """Return noise whose level swells and falls, as `[channels, samples]`."""
    samples = round(duration_s * rate_hz)
    swell = 0.05 * (1 + np.sin(np.arange(samples, dtype=np.float32) * (2 * np.pi / rate_hz)))
    noise = np.random.default_rng(0).standard_normal((channels, samples), dtype=np.float32)
    audio: Block = noise * swell
    return audio


def _in_memory(job: BenchJob, model: LoadedModel, audio: Block) -> dict[str, float]:
    codes = _encoded(EncoderSession(model, job.levels), audio)
    encode_s = median_s(lambda: _encoded(EncoderSession(model, job.levels), audio), job.rounds)
    decode_s = median_s(lambda: _decoded(DecoderSession(model), codes), job.rounds)
    return {
        "encode_times_real_time": job.duration_s / encode_s,
        "decode_times_real_time": job.duration_s / decode_s,
    }


def _encoded(session: EncoderSession, audio: Block) -> Codes:
    return np.concatenate([session.push(audio), session.finish()], axis=1)


def _decoded(session: DecoderSession, codes: Codes) -> Block:
    return np.concatenate([session.push(codes), session.finish()], axis=1)


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
        command += ["--model", job.model, "--device", job.device, "--precision", job.precision]
        command += ["--weights", str(job.weights)] if job.weights is not None else []
        process_s = median_s(partial(_run, job, *command), 3)
        peak_kib = _run(job, "-c", PEAK_MEMORY, *command[2:])
    return {
        "file_encode_times_real_time": job.duration_s / encode_s,
        "file_decode_times_real_time": job.duration_s / decode_s,
        "process_encode_times_real_time": job.duration_s / process_s,
        "process_peak_memory_mib": float(peak_kib or 0) / 1024,
    }


def _latencies(job: BenchJob, model: LoadedModel, audio: Block) -> dict[str, float]:
    """Time single frames through whole sessions on one thread."""
    hop = model.entry.hop_samples
    encoder = EncoderSession(model, job.levels, block_frames=1, threads=1)
    decoder = DecoderSession(model, block_frames=1, threads=1)
    times_ms: dict[str, list[float]] = {"encode": [], "decode": []}
    with on_threads(1):
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


def _start(job: BenchJob) -> dict[str, float]:
    """Time processes that import torch only, and that also get ready to code."""
    loading = "import sys, pathlib; from codectool.models.loading import load; "
    loading += "load(sys.argv[1], pathlib.Path(sys.argv[4]) if sys.argv[4:] else None, *sys.argv[2:4])"
    given = [job.model, job.device, job.precision, *([str(job.weights)] if job.weights is not None else [])]
    programs = {"import_torch": "import torch", "import_torch_and_load_model": loading}
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

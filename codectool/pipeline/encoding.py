"""Audio to a file of codes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codectool.audio.atomic import open_output
from codectool.audio.mix import mix_to_mono
from codectool.audio.resample import Resampler
from codectool.audio.source import AudioSource, open_source
from codectool.container import Codes, Writer
from codectool.container.tags import encode_tags
from codectool.jobs import EncodeJob
from codectool.models.loading import load
from codectool.models.registry import ModelEntry
from codectool.pipeline.common import Loader, Progress, refuse_same
from codectool.session import EncoderSession

PCM_BITS = 16  # what sizes are compared with


@dataclass
class EncodeResult:
    """What came of an encode; rates are bits a second of the recording."""

    duration_s: float
    levels: int
    nominal_bps: float
    bytes_written: int
    pcm_bytes: int  # of the recording as 16-bit PCM, with all its channels
    elapsed_s: float
    notes: list[str]

    @property
    def actual_bps(self) -> float:
        """Bits in the file a second of audio."""
        return self.bytes_written * 8 / self.duration_s if self.duration_s else 0.0


def encode(job: EncodeJob, progress: Progress | None = None, loader: Loader = load) -> EncodeResult:
    """Encode one recording; any CodecError leaves nothing behind.

    `loader` gives the model, so that many jobs may share one.
    """
    started_s = time.perf_counter()
    if not job.keep_channels:  # what can be refused before anything is opened, is
        job.entry_and_levels()
    refuse_same(job.source, job.target)
    if job.tags:
        encode_tags(job.tags)
    with open_source(job.source, raw=job.raw) as source:
        streams = job.streams(source.channels)
        entry, levels = job.entry_and_levels(streams)
        with open_output(job.target, overwrite=job.overwrite) as output:
            model = loader(job.model, job.weights, job.device)
            writer = Writer(output, job.header(source, model.fingerprint))
            sessions = [EncoderSession(model, levels, job.packet_frames) for _ in range(streams)]
            samples = 0
            for codes, samples in encode_blocks(source, sessions):
                writer.write_codes(codes)
                if progress is not None:
                    progress(samples / source.rate_hz)
            tags = {name: text for name, text in {**source.tags, **job.tags}.items() if text}
            writer.finish(samples, tags)
    return EncodeResult(
        duration_s=samples / source.rate_hz,
        levels=levels,
        nominal_bps=levels * streams * entry.level_bps,
        bytes_written=writer.bytes_written,
        pcm_bytes=samples * source.channels * PCM_BITS // 8,
        elapsed_s=time.perf_counter() - started_s,
        notes=_losses(source, streams, entry) + source.notes,
    )


def encode_blocks(source: AudioSource, sessions: list[EncoderSession]) -> Iterator[tuple[Codes, int]]:
    """Yield codes `[streams, levels, frames]`, with the samples (at the source's rate) read so far.

    With one session the channels are mixed, otherwise each has its own.
    """
    streams = len(sessions)
    resampler = Resampler(source.rate_hz, sessions[0].model.entry.sample_rate_hz, streams)
    samples = 0
    for block in source.blocks():
        samples += block.shape[1]
        resampled = resampler.push(mix_to_mono(block) if streams == 1 else block)
        codes = np.stack([session.push(resampled[i : i + 1]) for i, session in enumerate(sessions)])
        if codes.shape[2]:
            yield codes, samples
    last = resampler.finish()
    ends = [(session.push(last[i : i + 1]), session.finish()) for i, session in enumerate(sessions)]
    yield np.stack([np.concatenate(end, axis=1) for end in ends]), samples


def _losses(source: AudioSource, streams: int, entry: ModelEntry) -> list[str]:
    losses = []
    if source.channels > streams:
        losses.append(f"{source.channels} channels are mixed to mono")
    if source.rate_hz > entry.sample_rate_hz:
        losses.append(f"nothing above {entry.sample_rate_hz / 2000:g} kHz is kept")
    return [f"{source.name}: {', '.join(losses)}"] if losses else []

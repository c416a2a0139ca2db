"""Audio to a file of codes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

import numpy as np

from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler
from codectool.audio.source import AudioSource, open_source
from codectool.container import Codes
from codectool.container.tags import encode_tags
from codectool.files.inputs import refuse_same
from codectool.files.outputs import open_output
from codectool.jobs import EncodeJob
from codectool.models.loading import LoadedModel, load
from codectool.models.registry import ModelEntry, find
from codectool.pipeline.common import Loader, Progress, at_once_s, one_ahead
from codectool.pipeline.writing import losses_v0, open_writer, stated_samples
from codectool.sessions.batching import Whole, encode_together
from codectool.sessions.segments import SegmentEncoderSession
from codectool.sessions.streaming import EncoderSession

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


# Codes with the scale of a segment, and the samples read so far.
Coded: TypeAlias = tuple[Codes, "float | None", int]
# Gives the recording if it is a short one, else None; is sent its codes, or None to make them itself.
Encoding: TypeAlias = Generator["Whole | None", "Codes | None", EncodeResult]


def encode(job: EncodeJob, progress: Progress | None = None, loader: Loader = load) -> EncodeResult:
    """Encode one recording; any CodecError leaves nothing behind.

    `loader` gives the model, so that many jobs may share one.
    """
    encoding = _encoding(job, progress, loader)
    while True:
        try:
            next(encoding)
        except StopIteration as end:
            result: EncodeResult = end.value
            return result


def encode_all(jobs: Sequence[EncodeJob], loader: Loader = load) -> Iterator[EncodeResult | Exception]:
    """Encode recordings, the short ones together; yield what came of each, or the error it failed with.

    Each is yielded as soon as its file is there, and the next file is not before that.
    """
    encodings = [_encoding(job, None, loader) for job in jobs]
    begun = [_advance(encoding, None) for encoding in encodings]
    short = [whole for whole in begun if isinstance(whole, Whole)]
    try:
        codes = iter(encode_together(short))
    except Exception:  # such as want of memory: alone each needs less, and fails for itself only
        codes = iter([None] * len(short))
    for encoding, came in zip(encodings, begun, strict=True):
        if not isinstance(came, EncodeResult | Exception):
            came = _advance(encoding, next(codes) if isinstance(came, Whole) else None)
        assert isinstance(came, EncodeResult | Exception)
        yield came


def _advance(encoding: Encoding, codes: Codes | None) -> Whole | EncodeResult | Exception | None:
    try:
        return encoding.send(codes)
    except StopIteration as end:
        result: EncodeResult = end.value
        return result
    except Exception as error:  # costs this recording only, a fault of ours too
        return error


def _encoding(job: EncodeJob, progress: Progress | None, loader: Loader) -> Encoding:
    started_s = time.perf_counter()
    job.check_options()
    if not job.keep_channels:  # what can be refused before anything is opened, is
        job.entry_and_levels()
    refuse_same(job.source, job.target)
    with open_source(job.source, raw=job.raw) as source:
        if tags := _tags(job, source):
            encode_tags(tags)  # too many are refused before the work, if they are known then
        streams = job.streams(source.channels)
        entry, levels = job.entry_and_levels(streams)
        with open_output(job.target, overwrite=job.overwrite) as output:
            model = loader(job.model, job.weights, job.device, job.precision)
            writer = open_writer(job, output, source, model)
            pieces = pieces_of(source, max(streams, entry.channels), entry.sample_rate_hz, _at_once_s(job))
            first = next(pieces)
            if first.is_last and streams == 1 and entry.segment_samples is None:
                session = EncoderSession(model, levels, job.packet_frames)
                given = yield Whole(session, first.audio)
                codes = session.finish(first.audio) if given is None else given
                coded: Iterator[Coded] = iter([(codes[None], None, first.read_samples)])
            else:
                yield None  # its turn comes when those that are encoded together are
                coded = _coded(job, chain(iter([first]), pieces), model, levels, streams)
            del first  # not to be held while the others are read
            samples = 0
            for codes, scale, samples in coded:
                writer.write_codes(codes, scale)
                if progress is not None:
                    progress(samples / source.rate_hz)
            tags = _tags(job, source)
            stated = stated_samples(job, source, samples, entry.sample_rate_hz)
            writer.finish(stated, tags)
    return EncodeResult(
        duration_s=samples / source.rate_hz,
        levels=levels,
        nominal_bps=levels * streams * entry.level_bps,
        bytes_written=writer.bytes_written,
        pcm_bytes=samples * source.channels * PCM_BITS // 8,
        elapsed_s=time.perf_counter() - started_s,
        notes=_losses(source, streams, entry)
        + source.notes
        + (losses_v0(job, source, stated, tags) if job.container == "v0" else []),
    )


def _tags(job: EncodeJob, source: AudioSource) -> dict[str, str]:
    return {name: text for name, text in {**source.tags, **job.tags}.items() if text}


@dataclass(frozen=True)
class Piece:
    """Audio `[channels, samples]` at the model's rate; `read_samples` is at the source's, from its start."""

    audio: Block
    read_samples: int
    is_last: bool = False


def pieces_of(source: AudioSource, channels: int, rate_hz: int, gathered_s: float = 0.0) -> Iterator[Piece]:
    """Read, mix to so many channels and resample; give audio as it comes, or gathered to so many seconds."""
    pieces = _pieces(source, channels, rate_hz)
    return _gathered(pieces, round(gathered_s * rate_hz)) if gathered_s else pieces


def _coded(
    job: EncodeJob, pieces: Iterator[Piece], model: LoadedModel, levels: int, streams: int
) -> Iterator[Coded]:
    if model.entry.segment_samples is not None:
        yield from encode_segments(pieces, SegmentEncoderSession(model, levels))
        return
    sessions = [EncoderSession(model, levels, job.packet_frames) for _ in range(streams)]
    for codes, samples in encode_blocks(pieces, sessions, ahead=_at_once_s(job) > 0):
        yield codes, None, samples


def encode_blocks(
    pieces: Iterator[Piece], sessions: list[EncoderSession], ahead: bool = False
) -> Iterator[tuple[Codes, int]]:
    """Yield codes `[streams, levels, frames]`, with the samples (at the source's rate) read so far.

    Each channel has its session. With `ahead` a piece is encoded while the next is read; else codes come as
    soon as there are any.
    """

    def encoded(piece: Piece) -> tuple[Codes, int]:
        streams = zip(sessions, piece.audio, strict=True)
        codes = [(s.finish if piece.is_last else s.push)(audio[None]) for s, audio in streams]
        return np.stack(codes), piece.read_samples

    yield from one_ahead(encoded, pieces) if ahead else map(encoded, pieces)


def encode_segments(
    pieces: Iterator[Piece], session: SegmentEncoderSession
) -> Iterator[tuple[Codes, float, int]]:
    """Yield the codes `[1, levels, frames]` of each segment, its scale, and the samples read so far."""
    for piece in pieces:
        for segment in session.push(piece.audio) + (session.finish() if piece.is_last else []):
            yield segment.codes[None], segment.scale, piece.read_samples


def _pieces(source: AudioSource, channels: int, rate_hz: int) -> Iterator[Piece]:
    resampler = Resampler(source.rate_hz, rate_hz, channels)
    samples = 0
    for block in source.blocks():
        samples += block.shape[1]
        if len(block) != channels:
            block = np.repeat(mix_to_mono(block), channels, axis=0)
        yield Piece(resampler.push(block), samples)
    yield Piece(resampler.finish(), samples, is_last=True)


def _gathered(pieces: Iterator[Piece], samples: int) -> Iterator[Piece]:
    """Join pieces until they hold so many samples."""
    held: list[Block] = []
    for piece in pieces:
        held.append(piece.audio)
        if piece.is_last or sum(audio.shape[1] for audio in held) >= samples:
            yield replace(piece, audio=np.concatenate(held, axis=1))
            held.clear()


def _at_once_s(job: EncodeJob) -> float:
    """Return how much audio to gather: none beside a language model, which needs torch's threads its way.

    Nor of segments, each of which is computed for itself.
    """
    segments = find(job.model).segment_samples is not None
    return 0.0 if segments or job.language_model is not None else at_once_s(job.source)


def _losses(source: AudioSource, streams: int, entry: ModelEntry) -> list[str]:
    losses = []
    if source.channels > max(streams, entry.channels):
        losses.append(f"{source.channels} channels are mixed to mono")
    if source.rate_hz > entry.sample_rate_hz:
        losses.append(f"nothing above {entry.sample_rate_hz / 2000:g} kHz is kept")
    return [f"{source.name}: {', '.join(losses)}"] if losses else []

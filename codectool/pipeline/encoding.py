"""Audio to a file of codes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from codectool.audio.source import AudioSource, open_source
from codectool.audio.tags import tag_name
from codectool.container import Codes
from codectool.container.tags import encode_tags
from codectool.errors import DataError
from codectool.files.inputs import refuse_same
from codectool.files.outputs import open_output
from codectool.models.loading import load
from codectool.pipeline.common import Loader, Progress, chunk_s, prefetch
from codectool.pipeline.planning import STEREO_HINT, EncodeJob, EncodePlan, check_encode, plan_encode
from codectool.pipeline.reading import Piece, pieces_of
from codectool.pipeline.writing import open_writer, stated_samples, warnings_v0
from codectool.sessions.batching import Clip, encode_clips
from codectool.sessions.payloads import Payload, PayloadEncoder, payload_encoder

PCM_BITS = 16  # what sizes are compared with


@dataclass
class EncodeResult:
    """What came of an encode; rates are bits a second of the recording.

    `notes` tell what happens by design, `warnings` what is wrong with the recording, or lost of it;
    `loses_stereo` says that two channels were mixed that another model here would have kept.
    """

    duration_s: float
    levels: int
    nominal_bps: float
    bytes_written: int
    pcm_bytes: int  # of the recording as 16-bit PCM, with all its channels
    elapsed_s: float
    notes: list[str]
    warnings: list[str]
    loses_stereo: bool = False

    @property
    def actual_bps(self) -> float:
        """Bits in the file a second of audio."""
        return self.bytes_written * 8 / self.duration_s if self.duration_s else 0.0


def encode(job: EncodeJob, progress: Progress | None = None, loader: Loader = load) -> EncodeResult:
    """Encode one recording; any CodecError leaves nothing behind.

    `loader` gives the model, so that many jobs may share one.
    """
    encoding = Encoding(job, loader)
    clip = encoding.begin()
    return encoding.complete(None if clip is None else clip.encode_alone(), progress)


def encode_all(
    jobs: Sequence[EncodeJob], loader: Loader = load, progress: Progress | None = None
) -> Iterator[EncodeResult | Exception]:
    """Encode recordings, short ones in one batch; yield the result of each, or the error it failed with.

    A result is yielded as soon as its file is complete, and before the next file is.
    """
    encodings = [Encoding(job, loader) for job in jobs]
    begun: list[Clip | Exception | None] = []
    for encoding in encodings:
        try:
            begun.append(encoding.begin())
        except Exception as error:  # costs this recording only, a fault of ours too
            begun.append(error)
    clips = [clip for clip in begun if isinstance(clip, Clip)]
    try:
        shared = iter(encode_clips(clips))
    except Exception:  # such as want of memory: alone each needs less, and fails for itself only
        shared = iter([None] * len(clips))
    for encoding, clip in zip(encodings, begun, strict=True):
        if isinstance(clip, Exception):
            yield clip
            continue
        try:
            codes = next(shared) if clip is not None else None
            codes = clip.encode_alone() if clip is not None and codes is None else codes
            yield encoding.complete(codes, progress)
        except Exception as error:
            yield error


class Encoding:
    """One recording on its way into a file: `begin` is called once, and then `complete` once.

    Between the two calls the caller may encode several short recordings in one batch.
    """

    def __init__(self, job: EncodeJob, loader: Loader = load) -> None:
        self._job = job
        self._loader = loader
        self._opened = ExitStack()

    def begin(self) -> Clip | None:
        """Open input, output and model, and read the first piece; return the clip if that was all of it.

        Raises a CodecError if any of it fails; nothing is left open then.
        """
        self._started_s = time.perf_counter()
        job = self._job
        check_encode(job)
        refuse_same(job.source, job.target)
        with ExitStack() as opened:
            self._source = opened.enter_context(open_source(job.source, raw=job.raw))
            if tags := self._tags():
                encode_tags(tags)  # too many are refused before the work, if they are known then
            self._plan = plan = plan_encode(job, self._source.channels)
            output = opened.enter_context(open_output(job.target, overwrite=job.overwrite))
            self._model = self._loader(job.model, *job.how)
            self._model.encoder.prepare(plan.levels)
            self._writer = open_writer(job, plan, output, self._source, self._model)
            self._gathered_s = _gathered_s(job, plan)
            self._pieces = pieces_of(self._source, plan.channels, plan.entry.sample_rate_hz, self._gathered_s)
            first = next(self._pieces)
            self._read_samples = first.read_samples
            self._opened = opened.pop_all()
        if first.is_last and plan.streams == 1 and self._model.segments is None:
            return Clip(self._model, first.audio, plan.levels, plan.packet_frames)
        self._pieces = chain(iter([first]), self._pieces)
        return None

    def complete(self, codes: Codes | None = None, progress: Progress | None = None) -> EncodeResult:
        """Write the codes `[levels, frames]` of the clip that `begin` returned, or encode piece by piece."""
        with self._opened:
            if codes is not None:
                self._writer.write_codes(codes[None], None)
                if progress is not None:
                    progress(self._read_samples / self._source.rate_hz)
            else:
                self._encode(progress)
            tags = self._tags()
            if self._job.strict and self._source.warnings:
                raise DataError(f"{self._source.warnings[0]}; unless strict, it is encoded so")
            rate_hz = self._plan.entry.sample_rate_hz
            stated = stated_samples(self._job, self._source, self._read_samples, rate_hz)
            self._writer.finish(stated, tags)
        return self._result(stated, tags)

    def _encode(self, progress: Progress | None) -> None:
        encoder = payload_encoder(
            self._model, self._plan.levels, self._plan.streams, self._plan.packet_frames
        )
        for payloads, samples in encode_pieces(self._pieces, encoder, ahead=self._gathered_s > 0):
            for payload in payloads:
                self._writer.write_codes(payload.codes, payload.scale)
            self._read_samples = samples
            if progress is not None:
                progress(samples / self._source.rate_hz)

    def _tags(self) -> dict[str, str]:
        given = {tag_name(name): text for name, text in self._job.tags.items()}
        return {name: text for name, text in {**self._source.tags, **given}.items() if text}

    def _result(self, stated: int, tags: dict[str, str]) -> EncodeResult:
        job, plan, source, samples = self._job, self._plan, self._source, self._read_samples
        return EncodeResult(
            duration_s=samples / source.rate_hz,
            levels=plan.levels,
            nominal_bps=plan.nominal_bps,
            bytes_written=self._writer.bytes_written,
            pcm_bytes=samples * source.channels * PCM_BITS // 8,
            elapsed_s=time.perf_counter() - self._started_s,
            notes=_notes(source, plan) + source.notes,
            warnings=source.warnings
            + (warnings_v0(job, plan, source, stated, tags) if job.container == "v0" else []),
            loses_stereo=plan.loses_stereo_of(source.channels),
        )


def encode_pieces(
    pieces: Iterator[Piece], encoder: PayloadEncoder, ahead: bool = False
) -> Iterator[tuple[list[Payload], int]]:
    """Yield payloads, with the samples (at the source's rate) read so far.

    With `ahead` a piece is encoded while the next is read; else codes come as soon as there are any.
    """

    def encoded(piece: Piece) -> tuple[list[Payload], int]:
        step = encoder.finish if piece.is_last else encoder.push
        return step(piece.audio), piece.read_samples

    yield from prefetch(encoded, pieces) if ahead else map(encoded, pieces)


def _gathered_s(job: EncodeJob, plan: EncodePlan) -> float:
    """Return how much audio to gather: none beside a language model, which needs torch's threads its way.

    Nor of segments, each of which is computed for itself.
    """
    segments = plan.entry.segment_samples is not None
    return 0.0 if segments or job.language_model is not None else chunk_s(job.source)


def _notes(source: AudioSource, plan: EncodePlan) -> list[str]:
    notes = []
    if plan.streams > 1:
        each_kbps = plan.nominal_bps / plan.streams / 1000
        notes.append(f"{plan.streams} channels share the rate: {each_kbps:g} kbps each")
    if source.channels > plan.channels:
        hint = f" ({STEREO_HINT})" if plan.loses_stereo_of(source.channels) else ""
        notes.append(f"{source.channels} channels are mixed to mono{hint}")
    if source.rate_hz > plan.entry.sample_rate_hz:
        notes.append(f"nothing above {plan.entry.sample_rate_hz / 2000:g} kHz is kept")
    return [f"{source.name}: {', '.join(notes)}"] if notes else []

"""Recordings to records: short ones side by side, long ones as streams, with the codes of each alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from itertools import chain

import numpy as np

from codectool import __version__
from codectool.audio.readers import RAW_HINT
from codectool.audio.source import AudioSource
from codectool.container import codes_and_scales_of, open_reader
from codectool.errors import CodecError, DataError, FileError
from codectool.models.loaded import LoadedModel
from codectool.pipeline.encoding import encode_pieces
from codectool.pipeline.reading import Piece, pieces_of
from codectool.sessions.batching import Clip, encode_clips, shares_passes
from codectool.sessions.payloads import payload_encoder
from codectool.tokens.items import Input
from codectool.tokens.layouts import Codes
from codectool.tokens.records import Description, Record

CLIP_S = 60.0  # longer recordings are encoded as they are read
WINDOW_CLIPS = 64  # read before any is encoded: among more, more are of like length
WINDOW_S = 480.0  # of audio that a window may hold, 46 MB at 24 kHz


def describe(model: LoadedModel, levels: int, device: str) -> Description:
    """Return the description of codes that a model makes."""
    entry = model.entry
    return Description(
        model=entry.name,
        fingerprint=model.fingerprint.hex(),
        model_rate_hz=entry.sample_rate_hz,
        hop_samples=entry.hop_samples,
        codebook_sizes=(entry.codebook_size,) * levels,
        segment_frames=None if entry.segment_samples is None else entry.packet_frames(),
        engine=model.engine,
        precision=model.precision,
        device=device.partition(":")[0],  # which of several alike is no matter
        tool=f"codectool {__version__}",
    )


@dataclass
class Waiting:
    """An input that was begun: a clip that waits to be encoded with others, or the outcome if it is known."""

    given: Input
    clip: Clip | None = None
    record: Record | None = None
    error: str | None = None


def encode_inputs(
    inputs: Iterable[Input], model: LoadedModel, description: Description
) -> Iterator[Record | tuple[Input, str]]:
    """Yield the record of each input, in their order; for an input that failed, the input and the reason."""
    clips_max = WINDOW_CLIPS if shares_passes(model, description.levels) else 1
    window: list[Waiting] = []
    window_s = 0.0
    for given in inputs:
        waiting = _begin(given, model, description)
        window.append(waiting)
        if waiting.clip is not None:
            window_s += waiting.clip.audio.shape[1] / model.entry.sample_rate_hz
        if len(window) == clips_max or window_s >= WINDOW_S:
            yield from _completed(window)
            window, window_s = [], 0.0
    yield from _completed(window)


def _begin(given: Input, model: LoadedModel, description: Description) -> Waiting:
    try:
        if given.problem is not None:
            return Waiting(given, error=given.problem)
        if given.place.is_coded:
            return Waiting(given, record=_coded(given, description))
        with ExitStack() as opened:
            source = opened.enter_context(given.place.open_audio(given.key))
            entry = model.entry
            pieces = pieces_of(source, entry.channels, entry.sample_rate_hz, CLIP_S)
            first = next(pieces)
            if first.is_last and first.read_samples == 0:
                raise DataError("holds no sound")
            if first.is_last and model.segments is None:
                clip = Clip(model, first.audio, description.levels, entry.packet_frames())
                return Waiting(given, clip, _record(given, source, None, first.read_samples))
            return Waiting(given, record=_streamed(given, source, chain([first], pieces), model, description))
    except Exception as error:  # costs this recording only, a fault of ours too
        return Waiting(given, error=_reason(given, error))


def _streamed(
    given: Input, source: AudioSource, pieces: Iterator[Piece], model: LoadedModel, description: Description
) -> Record:
    encoder = payload_encoder(model, description.levels, block_frames=model.entry.packet_frames())
    codes: list[Codes] = [np.zeros((description.levels, 0), description.dtype)]
    scales: list[float] = []
    read_samples = 0
    for payloads, samples in encode_pieces(pieces, encoder):
        read_samples = samples
        for payload in payloads:
            if scales and codes[-1].shape[1] < (description.segment_frames or 0):
                continue  # the short segment before reaches the end: files leave this one out too
            codes.append(payload.codes[0].astype(description.dtype))
            scales += [] if payload.scale is None else [payload.scale]
    joined = np.concatenate(codes, axis=1)
    return _record(given, source, joined, read_samples, tuple(scales) if model.entry.scaled else None)


def _coded(given: Input, description: Description) -> Record:
    """Return the codes that an .ecdc file holds; DataError for those of another model, or too few levels."""
    reader = open_reader(BytesIO(given.place.read()))
    codes, scales = codes_and_scales_of(reader)
    header = reader.header
    fingerprint = None if header.fingerprint is None else header.fingerprint.hex()
    if (header.model, fingerprint) != (description.model, description.fingerprint):
        raise DataError(f"holds codes of {header.model} {fingerprint}, not of {description.fingerprint}")
    if len(codes) > 1:
        raise DataError(f"holds {len(codes)} channels coded apart")
    if header.levels < description.levels:
        raise DataError(f"holds {header.levels} levels, not {description.levels}")
    assert reader.total_samples is not None
    return Record(
        given.key,
        codes[0, : description.levels].astype(description.dtype),
        reader.total_samples,
        header.original_rate_hz,
        header.original_channels,
        tuple(scales) if header.scaled else None,
        given.fields,
    )


def _completed(window: list[Waiting]) -> Iterator[Record | tuple[Input, str]]:
    clips = [waiting.clip for waiting in window if waiting.clip is not None]
    try:
        shared = iter(encode_clips(clips))
    except Exception:  # such as want of memory: alone each needs less, and fails for itself only
        shared = iter([None] * len(clips))
    for waiting in window:
        record, clip = waiting.record, waiting.clip
        if clip is not None and record is not None:
            codes = next(shared)
            try:
                record = _with_codes(record, clip.encode_alone() if codes is None else codes)
            except Exception as error:
                waiting.error = _reason(waiting.given, error)
        waiting.clip = None  # its audio is not needed while the rest is written
        if waiting.error is not None or record is None:
            yield waiting.given, waiting.error or ""
        else:
            yield record


def _record(
    given: Input,
    source: AudioSource,
    codes: Codes | None,
    samples: int,
    scales: tuple[float, ...] | None = None,
) -> Record:
    return Record(given.key, codes, samples, source.rate_hz, source.channels, scales, given.fields)


def _with_codes(record: Record, codes: Codes) -> Record:
    return Record(
        record.key, codes, record.samples, record.sample_rate_hz, record.channels, None, record.fields
    )


def _reason(given: Input, error: Exception) -> str:
    """Return why an input failed, in a line that names no path of this machine."""
    known = isinstance(error, CodecError | OSError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and not isinstance(error, FileError):
        text = error.strerror or text
    for path in (given.place.path, given.place.name):
        text = text.replace(f"{path}: ", "").replace(path, given.key) if path else text
    return text.removeprefix(f"{given.key}: ").removesuffix(RAW_HINT)  # data sets have no raw input

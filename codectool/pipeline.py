"""The two loops: audio to a file of codes, and back. A job says what to do, a result what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codectool.audio.atomic import open_output
from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block, RawFormat
from codectool.audio.resample import Resampler, resampled_length
from codectool.audio.sink import open_sink
from codectool.audio.source import AudioSource, open_source
from codectool.container import Audio, Codes, Gap, Header, Reader, Writer
from codectool.container.file import open_input
from codectool.errors import DataError, FileError, WeightsError
from codectool.models.loading import LoadedModel, load
from codectool.models.registry import DEFAULT_MODEL, MODELS, find
from codectool.session import BLOCK_FRAMES, DecoderSession, EncoderSession

DEFAULT_RATE_BPS = 6000.0
LONGEST_LOSS_S = (
    3600  # a forged sequence number may claim years of lost audio; silence for them would fill a disk
)
PCM_BITS = 16  # what sizes are compared with

Progress = Callable[[float], None]  # called with the seconds of audio done so far


@dataclass(frozen=True)
class EncodeJob:
    """What to encode, into what, and how; `-` is stdin or stdout; without levels and rate, 6 kbps."""

    source: str
    target: str
    levels: int | None = None
    rate_bps: float | None = None
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    device: str = "cpu"
    overwrite: bool = False
    raw: RawFormat | None = None


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


@dataclass(frozen=True)
class DecodeJob:
    """What to decode, into what, and how; with `strict`, damage is an error and nothing is written."""

    source: str
    target: str
    model: str | None = None
    weights: Path | None = None
    device: str = "cpu"
    overwrite: bool = False
    subtype: str | None = None
    raw: str | None = None
    strict: bool = False


@dataclass
class DecodeResult:
    """What came of a decode; `lost` holds (start, end) in seconds, end None when unknown."""

    duration_s: float
    rate_hz: int
    elapsed_s: float
    clipped_samples: int
    notes: list[str]
    damage: list[str] = field(default_factory=list)


def encode(job: EncodeJob, progress: Progress | None = None) -> EncodeResult:
    """Encode one recording; any CodecError leaves nothing behind."""
    started_s = time.perf_counter()
    entry = find(job.model)
    levels = job.levels or entry.levels_for(DEFAULT_RATE_BPS if job.rate_bps is None else job.rate_bps)
    entry.check_levels(levels)
    _refuse_same(job.source, job.target)
    with (
        open_source(job.source, raw=job.raw) as source,
        open_output(job.target, overwrite=job.overwrite) as output,
    ):
        model = load(job.model, job.weights, job.device)
        writer = Writer(output, _header(model, levels, source))
        samples = 0
        for codes, samples in encode_blocks(source, EncoderSession(model, levels)):
            writer.write_codes(codes[None])
            if progress is not None:
                progress(samples / source.rate_hz)
        writer.finish(samples, {})
    return EncodeResult(
        duration_s=samples / source.rate_hz,
        levels=levels,
        nominal_bps=levels * entry.level_bps,
        bytes_written=writer.bytes_written,
        pcm_bytes=samples * source.channels * PCM_BITS // 8,
        elapsed_s=time.perf_counter() - started_s,
        notes=_mixing_notes(source, model) + source.notes,
    )


def encode_blocks(source: AudioSource, session: EncoderSession) -> Iterator[tuple[Codes, int]]:
    """Yield codes `[levels, frames]` with the samples (at the source's rate) read so far, to the end."""
    resampler = Resampler(source.rate_hz, session.model.entry.sample_rate_hz, 1)
    samples = 0
    for block in source.blocks():
        samples += block.shape[1]
        codes = session.push(resampler.push(mix_to_mono(block)))
        if codes.shape[1]:
            yield codes, samples
    last = session.push(resampler.finish())
    yield np.concatenate((last, session.finish()), axis=1), samples


def _header(model: LoadedModel, levels: int, source: AudioSource) -> Header:
    entry = model.entry
    return Header(
        model=entry.name,
        fingerprint=model.fingerprint,
        model_rate_hz=entry.sample_rate_hz,
        hop_samples=entry.hop_samples,
        bits_per_code=entry.code_bits,
        levels=levels,
        streams=1,
        original_rate_hz=source.rate_hz,
        original_channels=source.channels,
        frames_per_packet=BLOCK_FRAMES,
    )


def _mixing_notes(source: AudioSource, model: LoadedModel) -> list[str]:
    losses = []
    if source.channels > 1:
        losses.append(f"{source.channels} channels are mixed to mono")
    if source.rate_hz > model.entry.sample_rate_hz:
        losses.append(f"nothing above {model.entry.sample_rate_hz / 2000:g} kHz is kept")
    return [f"{source.name}: {', '.join(losses)}"] if losses else []


def decode(job: DecodeJob, progress: Progress | None = None) -> DecodeResult:
    """Decode one file, writing what can be saved of a damaged one; the result lists the damage.

    Raises DataError for damage with `strict`, and WeightsError when the weights are not the file's.
    """
    started_s = time.perf_counter()
    _refuse_same(job.source, job.target)
    with open_input(job.source) as stream:
        reader = Reader(stream)
        header = reader.header
        if header.streams != 1:
            raise DataError(f"{job.source}: holds {header.streams} coded channels; this version decodes one")
        model = _model_of(header, job)
        sink = open_sink(
            job.target,
            rate_hz=header.original_rate_hz,
            channels=1,
            subtype=job.subtype,
            raw=job.raw,
            overwrite=job.overwrite,
        )
        with sink:
            for block in decode_blocks(reader, DecoderSession(model)):
                sink.write(block)
                if progress is not None:
                    progress(sink.written_samples / header.original_rate_hz)
            damage = [_describe(gap, header) for gap in reader.gaps]
            if damage and job.strict:
                raise DataError(
                    f"{job.source}: damaged: {damage[0]}; without --strict, what is good is decoded"
                )
    return DecodeResult(
        duration_s=sink.written_samples / header.original_rate_hz,
        rate_hz=header.original_rate_hz,
        elapsed_s=time.perf_counter() - started_s,
        clipped_samples=sink.clipped_samples,
        notes=[],
        damage=damage,
    )


def decode_blocks(reader: Reader, session: DecoderSession) -> Iterator[Block]:
    """Yield audio `[1, samples]` at the original rate, exactly as long as the recording was.

    Lost frames become silence, and what follows keeps its place. Of a file cut off, all before the cut comes.
    """
    header = reader.header
    resampler = Resampler(header.model_rate_hz, header.original_rate_hz, 1)
    held = np.zeros((1, 0), np.float32)  # the last hop: only the last packet says how much of it counts
    resampled_samples = 0
    for block in _model_audio(reader, session):
        joined = np.concatenate((held, block), axis=1)
        ready = max(0, joined.shape[1] - header.hop_samples)
        held = joined[:, ready:]
        resampled_samples += ready
        yield resampler.push(joined[:, :ready])
    if reader.total_samples is None:
        yield resampler.push(held)
        yield resampler.finish()
        return
    needed_samples = resampled_length(reader.total_samples, header.original_rate_hz, header.model_rate_hz)
    yield resampler.push(held[:, : max(0, needed_samples - resampled_samples)])
    yield resampler.finish(reader.total_samples)


def _model_audio(reader: Reader, session: DecoderSession) -> Iterator[Block]:
    hop_samples, rate_hz = reader.header.hop_samples, reader.header.model_rate_hz
    for event in reader:
        if isinstance(event, Audio):
            yield session.push(event.codes[0])
        elif event.frames != 0:
            yield session.lose()
            silent_samples = ((event.frames or 1) - 1) * hop_samples
            if silent_samples > LONGEST_LOSS_S * rate_hz:
                raise DataError(
                    f"{silent_samples / rate_hz / 3600:.0f} hours are said to be lost at one place: "
                    "the file is not what it says"
                )
            while silent_samples > 0:
                piece = min(silent_samples, rate_hz)
                silent_samples -= piece
                yield np.zeros((1, piece), np.float32)
    yield session.finish()


def _model_of(header: Header, job: DecodeJob) -> LoadedModel:
    if header.model not in MODELS and job.model is None:
        raise WeightsError(
            f"{job.source}: made with the model {header.model!r}, which this version does not know"
        )
    model = load(job.model or header.model, job.weights, job.device)
    if model.fingerprint != header.fingerprint:
        raise WeightsError(
            f"{job.source}: made with weights {header.fingerprint.hex()} of {header.model}, "
            f"but {model.weights_path} is {model.fingerprint.hex()}: give the right ones with --weights FILE"
        )
    entry = model.entry
    stated = (header.model_rate_hz, header.hop_samples, header.bits_per_code)
    if stated != (entry.sample_rate_hz, entry.hop_samples, entry.code_bits) or header.levels > entry.levels:
        raise DataError(f"{job.source}: its header does not fit the model {entry.name}")
    return model


def _describe(gap: Gap, header: Header) -> str:
    second = header.hop_samples / header.model_rate_hz
    if gap.frames == 0:
        return f"at {gap.first_frame * second:.3f} s, no audio lost: {gap.reason}"
    end = "the end" if gap.frames is None else f"{(gap.first_frame + gap.frames) * second:.3f} s"
    return f"lost from {gap.first_frame * second:.3f} s to {end}: {gap.reason}"


def _refuse_same(source: str, target: str) -> None:
    paths = Path(source), Path(target)
    if "-" not in (source, target) and all(path.exists() for path in paths) and paths[0].samefile(paths[1]):
        raise FileError(f"{target}: is the input itself; name another output")

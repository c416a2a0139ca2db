"""The two loops, with a small model: exact lengths at every rate, and what the results say."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool import pipeline
from codectool.audio.source import open_source
from codectool.container import Header, Reader, bits
from codectool.container.packets import COUNTS, Flag, write_packet
from codectool.errors import DataError
from codectool.models.loaded import LoadedModel
from codectool.models.registry import MODELS, STEREO_MODEL
from codectool.pipeline import DecodeJob, EncodeJob, decode_blocks
from codectool.pipeline.common import prefetch
from codectool.pipeline.encoding import encode_pieces
from codectool.pipeline.planning import plan_encode
from codectool.pipeline.reading import pieces_of
from codectool.sessions.payloads import StreamPayloads
from codectool.sessions.streaming import EncoderSession

LENGTHS_SAMPLES = [1, 2, 319, 320, 321, 997, 24_000 + 13]


def write_noise(path: Path, samples: int, rate_hz: int = 24_000, channels: int = 1) -> str:
    """Write a WAV of noise; gives its name."""
    audio = np.random.default_rng(0).normal(0, 0.1, (samples, channels))
    soundfile.write(path, audio, rate_hz, subtype="PCM_16")
    return str(path)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000])
def test_the_length_is_exact_at_any_rate(tmp_path: Path, small_model: LoadedModel, rate_hz: int) -> None:
    loader = lambda *_: small_model  # noqa: E731 (loading once is enough, and takes longest)
    coded, decoded = str(tmp_path / "a.ecdc"), tmp_path / "b.wav"
    for samples in LENGTHS_SAMPLES:
        source = write_noise(tmp_path / "a.wav", samples, rate_hz)
        encoding = pipeline.encode(EncodeJob(source, coded, overwrite=True), loader=loader)
        decoding = pipeline.decode(DecodeJob(coded, str(decoded), overwrite=True), loader=loader)
        assert encoding.duration_s == decoding.duration_s == samples / rate_hz
        assert decoding.rate_hz == rate_hz
        assert not decoding.damage
        info = soundfile.info(decoded)
        assert (info.frames, info.samplerate, info.channels) == (samples, rate_hz, 1)


def test_the_result_says_what_was_spent(
    tmp_path: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(MODELS, STEREO_MODEL, raising=False)
    source, target = write_noise(tmp_path / "a.wav", 96_000, channels=2), tmp_path / "a.ecdc"
    shown_s: list[float] = []
    result = pipeline.encode(EncodeJob(source, str(target), levels=2, weights=small_weights), shown_s.append)
    assert (result.levels, result.nominal_bps, result.duration_s) == (2, 1500.0, 4.0)
    assert result.bytes_written == target.stat().st_size
    assert result.actual_bps == target.stat().st_size * 8 / 4
    assert result.pcm_bytes == 96_000 * 2 * 2
    assert result.notes == [f"{source}: 2 channels are mixed to mono"]
    assert shown_s == sorted(shown_s)
    assert shown_s[-1] == 4.0


@pytest.mark.parametrize(
    ("channels", "keep_channels", "known", "hinted"),
    [(2, False, True, True), (2, False, False, False), (2, True, True, False), (1, False, True, False)],
)
def test_stereo_is_told_of_the_model_that_keeps_it(
    monkeypatch: pytest.MonkeyPatch, channels: int, keep_channels: bool, known: bool, hinted: bool
) -> None:
    monkeypatch.delitem(MODELS, STEREO_MODEL, raising=False)
    if known:
        monkeypatch.setitem(MODELS, STEREO_MODEL, replace(MODELS["encodec_48khz"], name=STEREO_MODEL))
    job = EncodeJob("a.wav", "a.ecdc", keep_channels=keep_channels)
    assert plan_encode(job, channels).loses_stereo_of(channels) == hinted
    assert not plan_encode(replace(job, model="encodec_48khz", keep_channels=False), 2).loses_stereo_of(2)


def test_the_note_on_a_mix_tells_of_the_model_that_keeps_it(
    tmp_path: Path, small_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, STEREO_MODEL, replace(MODELS["encodec_48khz"], name=STEREO_MODEL))
    source = write_noise(tmp_path / "a.wav", 4800, 48_000, channels=2)
    job = EncodeJob(source, str(tmp_path / "a.ecdc"), levels=2)
    result = pipeline.encode(job, loader=lambda *_: small_model)
    (note,) = result.notes
    told = "2 channels are mixed to mono (`model='base_48khz'` keeps both), nothing above 12 kHz is kept"
    assert note == f"{source}: {told}"
    assert result.loses_stereo


@pytest.mark.parametrize("channels", [1, 2])
def test_gathering_changes_no_code_and_no_sample(
    tmp_path: Path, small_model: LoadedModel, channels: int
) -> None:
    path, coded = tmp_path / "a.wav", tmp_path / "a.ecdc"
    write_noise(path, 44_100 * 11 + 7, 44_100, channels)
    codes: list[np.ndarray] = []
    for gathered_s in (0.0, 1.5, 4.0, 100.0):
        sessions = [EncoderSession(small_model, 2, threads=2) for _ in range(channels)]
        with open_source(path) as source:
            pieces = pieces_of(source, channels, 24_000, gathered_s)
            encoder = StreamPayloads(sessions)
            encoded, read_samples = zip(*encode_pieces(pieces, encoder, gathered_s > 0), strict=True)
        codes.append(np.concatenate([payload.codes for each in encoded for payload in each], axis=2))
        assert list(read_samples) == sorted(read_samples)
        assert read_samples[-1] == 44_100 * 11 + 7
        np.testing.assert_array_equal(codes[0], codes[-1])
    job = EncodeJob(str(path), str(coded), levels=2, keep_channels=True)
    pipeline.encode(job, loader=lambda *_: small_model)
    whole = coded.read_bytes()
    for data in (whole, whole[:700] + whole[750:], whole[:-300]):
        sound = []
        for gathered_s in (0.0, 1.5, 100.0):
            decoded = decode_blocks(Reader(io.BytesIO(data)), small_model, None, gathered_s)
            sound.append(np.concatenate(list(decoded), axis=1))
            np.testing.assert_array_equal(sound[0], sound[-1])


def test_prefetch_keeps_order_and_works_while_the_next_is_taken() -> None:
    next_is_taken = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        next_is_taken.set()
        yield 2

    def square(number: int) -> int:
        assert next_is_taken.wait(timeout=60)
        return number * number

    assert list(prefetch(square, items())) == [1, 4]
    assert list(prefetch(square, ())) == []


def test_prefetch_passes_errors_on_and_leaves_no_thread() -> None:
    def refuse(number: int) -> int:
        if number == 2:
            raise DataError("no")
        return number

    before = threading.active_count()
    results = prefetch(refuse, iter(range(9)))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(DataError, match="no"):
        next(results)
    left = prefetch(refuse, iter((0, 1, 1)))
    next(left)
    left.close()
    assert threading.active_count() == before


def test_clipped_samples_are_counted_but_not_as_floats(tmp_path: Path, tone_weights: Path) -> None:
    source, coded = write_noise(tmp_path / "a.wav", 24_000), str(tmp_path / "a.ecdc")
    pipeline.encode(EncodeJob(source, coded, weights=tone_weights))
    for subtype, clips in (("PCM_16", True), ("FLOAT", False)):
        target = tmp_path / f"{subtype}.wav"
        result = pipeline.decode(DecodeJob(coded, str(target), weights=tone_weights, subtype=subtype))
        audio, _ = soundfile.read(target, dtype="float32")
        assert (np.abs(audio).max() <= 1) == clips
        assert (result.clipped_samples > 0) == clips


def forged(model: LoadedModel, sequence_numbers: list[int], total_samples: int | None = None) -> bytes:
    """Return a file of packets of a second, with these numbers, and checksums that are good.

    Its length is what the packets hold, if none is given.
    """
    header = Header(
        model=model.entry.name,
        fingerprint=model.fingerprint,
        model_rate_hz=24_000,
        hop_samples=320,
        bits_per_code=10,
        levels=1,
        streams=1,
        original_rate_hz=24_000,
        original_channels=1,
    )
    payload = bits.pack(np.zeros((1, 1, 75), np.uint16), 10)
    packets = [write_packet(header, 0, number, payload) for number in sequence_numbers]
    frames = (sequence_numbers[-1] + 1) * 75
    counts = COUNTS.pack(0, (frames - 1) * 320 if total_samples is None else total_samples)
    last = write_packet(header, Flag.LAST, sequence_numbers[-1] + 1, counts)
    return b"".join((header.to_bytes(), *packets, last))


@pytest.mark.parametrize(
    ("sequence_numbers", "is_refused"),
    [([0, 4, 8], False), ([0, 20], True), ([0, 4, 8, 12, 16, 20], True), ([2**32 - 2], True)],
)
def test_a_small_file_cannot_claim_endless_silence(
    tmp_path: Path,
    small_model: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    sequence_numbers: list[int],
    is_refused: bool,
) -> None:
    monkeypatch.setattr("codectool.pipeline.decode_loop.LONGEST_LOSS_S", 4)
    source, target = tmp_path / "a.ecdc", tmp_path / "a.raw"
    source.write_bytes(forged(small_model, sequence_numbers))
    job = DecodeJob(str(source), str(target), weights=small_model.weights_path, raw="s16le")
    if not is_refused:
        assert len(pipeline.decode(job).damage) == 2
        return
    with pytest.raises(DataError, match=f"{source}: .*more than it holds"):
        pipeline.decode(job)
    assert not target.exists()


@pytest.mark.parametrize("total_samples", [0, 1, 2 * 24_000])
def test_a_length_that_is_too_short_costs_only_itself(
    tmp_path: Path, small_model: LoadedModel, total_samples: int
) -> None:
    source, targets = tmp_path / "a.ecdc", (tmp_path / "right.wav", tmp_path / "wrong.wav")
    results = []
    for target, total in zip(targets, (None, total_samples), strict=True):
        source.write_bytes(forged(small_model, [0, 1, 2], total))
        job = DecodeJob(str(source), str(target), weights=small_model.weights_path)
        results.append(pipeline.decode(job))
    right, wrong = (soundfile.read(target)[0] for target in targets)
    assert np.array_equal(right, wrong[: len(right)])
    assert len(right) <= len(wrong) <= 3 * 24_000
    assert results[0].damage == []
    (damage,) = results[1].damage
    assert damage.endswith("no audio lost: the length it states is less than it holds")


def test_more_damage_than_is_listed_is_counted(
    tmp_path: Path, small_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codectool.container.reader.GAPS_KEPT", 2)
    source, target = tmp_path / "a.ecdc", tmp_path / "a.wav"
    source.write_bytes(forged(small_model, [0, 2, 4, 6, 8]))
    damage = pipeline.decode(DecodeJob(str(source), str(target), weights=small_model.weights_path)).damage
    assert [line.split(":")[0] for line in damage[:2]] == [
        "lost from 1.000 s to 2.000 s",
        "lost from 3.000 s to 4.000 s",
    ]
    assert damage[2:] == ["damaged in 2 more places"]


def test_tags_of_a_pipe_reach_a_wav(tmp_path: Path, small_model: LoadedModel) -> None:
    coded, tags = tmp_path / "a.ecdc", {"title": "A", "date": "1961"}
    source = write_noise(tmp_path / "a.wav", 30_000)
    pipeline.encode(EncodeJob(source, str(coded), tags=tags), loader=lambda *_: small_model)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for name, kept in (("b.wav", True), ("b.flac", False)):
        writer = threading.Thread(target=pipe.write_bytes, args=(coded.read_bytes(),))
        writer.start()
        job = DecodeJob(str(pipe), str(tmp_path / name))
        result = pipeline.decode(job, loader=lambda *_: small_model)
        writer.join()
        with open_source(tmp_path / name) as back:
            assert sum(block.shape[1] for block in back.blocks()) == 30_000
            assert back.tags == (tags if kept else {})
        assert bool(result.warnings) != kept

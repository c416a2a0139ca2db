"""The two loops, with a small model: exact lengths at every rate, and what the results say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool import pipeline
from codectool.container import Header, bits
from codectool.container.packets import COUNTS, Flag, write_packet
from codectool.errors import DataError
from codectool.models.loading import LoadedModel
from codectool.pipeline import DecodeJob, EncodeJob

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


def test_the_result_says_what_was_spent(tmp_path: Path, small_weights: Path) -> None:
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


def test_clipped_samples_are_counted_but_not_as_floats(tmp_path: Path, tone_weights: Path) -> None:
    source, coded = write_noise(tmp_path / "a.wav", 24_000), str(tmp_path / "a.ecdc")
    pipeline.encode(EncodeJob(source, coded, weights=tone_weights))
    for subtype, clips in (("PCM_16", True), ("FLOAT", False)):
        target = tmp_path / f"{subtype}.wav"
        result = pipeline.decode(DecodeJob(coded, str(target), weights=tone_weights, subtype=subtype))
        audio, _ = soundfile.read(target, dtype="float32")
        assert (np.abs(audio).max() <= 1) == clips
        assert (result.clipped_samples > 0) == clips


def forged(model: LoadedModel, sequence_numbers: list[int]) -> bytes:
    """Return a file of packets of a second, with these numbers, and checksums that are good."""
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
    last = write_packet(header, Flag.LAST, sequence_numbers[-1] + 1, COUNTS.pack(0, (frames - 1) * 320))
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
    monkeypatch.setattr("codectool.pipeline.playing.LONGEST_LOSS_S", 4)
    source, target = tmp_path / "a.ecdc", tmp_path / "a.raw"
    source.write_bytes(forged(small_model, sequence_numbers))
    job = DecodeJob(str(source), str(target), weights=small_model.weights_path, raw="s16le")
    if not is_refused:
        assert len(pipeline.decode(job).damage) == 2
        return
    with pytest.raises(DataError, match=f"{source}: .*more than it holds"):
        pipeline.decode(job)
    assert not target.exists()

"""Bringing a reference and its decoded version into step."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from codectool.errors import DataError, FileError
from codectool.quality import signals
from codectool.quality.signals import lag_samples, read_audio, read_pair, shift

RATE_HZ = 16_000


@pytest.fixture
def noise():
    return 0.1 * np.random.default_rng(1).standard_normal(RATE_HZ)


def write(path, signal, rate_hz=RATE_HZ):
    soundfile.write(path, signal, rate_hz, subtype="FLOAT")
    return path


@pytest.mark.parametrize("lag", [-8, 0, 1, 700])
def test_a_lag_is_found_and_undone(noise, lag):
    late = shift(noise, -lag)
    assert lag_samples(noise, late, 800) == lag
    undone = shift(late, lag)
    begin = max(0, -lag)
    assert undone[begin : len(noise)] == pytest.approx(noise[begin : len(undone)])


@pytest.mark.parametrize("lag", [-700, 0, 799])
def test_a_lag_is_found_in_blocks(monkeypatch, noise, lag):
    monkeypatch.setattr(signals, "LAG_BLOCK_SAMPLES", 1000)
    assert lag_samples(noise, shift(noise, -lag), 800) == lag


def test_silence_has_no_lag(noise):
    assert lag_samples(noise, np.zeros(RATE_HZ), 800) == 0


def test_a_lag_within_a_few_samples(noise):
    assert lag_samples(noise[:3], noise[:3], 800) == 0


def test_channels_are_averaged(tmp_path, noise):
    stereo = write(tmp_path / "stereo.wav", np.stack([noise, -noise / 2], axis=1))
    assert read_audio(stereo).audio[0] == pytest.approx(noise / 4, abs=1e-6)


def test_two_channels_are_kept_in_stereo_and_more_are_mixed(tmp_path, noise):
    channels = np.stack([noise, -noise / 2])
    stereo = read_audio(write(tmp_path / "stereo.wav", channels.T), stereo=True)
    assert stereo.audio == pytest.approx(channels, abs=1e-6)
    surround = read_audio(write(tmp_path / "surround.wav", np.stack([noise] * 6, axis=1)), stereo=True)
    assert (surround.audio.shape, surround.notes) == ((1, RATE_HZ), ("6 channels are mixed to one",))


def test_a_mono_decode_is_taken_for_both_channels_and_that_is_said(tmp_path, noise):
    reference = write(tmp_path / "a.wav", np.stack([noise, -noise / 2], axis=1))
    pair = read_pair(reference, write(tmp_path / "b.wav", noise), stereo=True)
    assert pair.reference.shape == pair.decoded.shape == (2, RATE_HZ)
    assert np.array_equal(*pair.decoded)
    assert pair.notes == ("the decoded audio is mono, and taken for both channels",)


def test_two_channels_are_shifted_together(tmp_path, noise):
    channels = np.stack([noise, -noise / 2])
    reference = write(tmp_path / "a.wav", channels.T)
    pair = read_pair(reference, write(tmp_path / "b.wav", shift(channels, -160).T), align=True, stereo=True)
    assert np.array_equal(pair.reference, pair.decoded)


def test_an_identical_pair_needs_no_notes(tmp_path, noise):
    path = write(tmp_path / "a.wav", noise)
    pair = read_pair(path, path)
    assert (pair.rate_hz, pair.notes) == (RATE_HZ, ())
    assert np.array_equal(pair.reference, pair.decoded)


def test_another_rate_is_resampled_and_said(tmp_path, noise):
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 440 * time_s)
    reference = write(tmp_path / "a.wav", tone[::2], RATE_HZ // 2)
    pair = read_pair(reference, write(tmp_path / "b.wav", tone))
    assert pair.rate_hz == RATE_HZ // 2
    assert pair.notes == (f"decoded audio resampled from {RATE_HZ} to {RATE_HZ // 2} Hz",)
    middle = slice(1000, -1000)
    assert pair.decoded[0, middle] == pytest.approx(pair.reference[0, middle], abs=1e-3)


def test_a_longer_tail_is_cut_and_said(tmp_path, noise):
    longer = write(tmp_path / "b.wav", np.append(noise, np.zeros(320)))
    pair = read_pair(write(tmp_path / "a.wav", noise), longer)
    assert pair.reference.shape == pair.decoded.shape == (1, RATE_HZ)
    assert pair.notes == ("cut to the shorter: lengths differ by +320 samples",)


def test_a_lag_is_noted_and_with_align_taken_out(tmp_path, noise):
    paths = write(tmp_path / "a.wav", noise), write(tmp_path / "b.wav", shift(noise, -160))
    assert any("lags by 160 samples" in note for note in read_pair(*paths).notes)
    pair = read_pair(*paths, align=True)
    assert np.array_equal(pair.reference, pair.decoded)
    assert pair.notes == ("a lag of 160 samples was taken out",)


def test_recordings_of_different_lengths_are_refused(tmp_path, noise):
    short = write(tmp_path / "a.wav", noise)
    long = write(tmp_path / "b.wav", np.tile(noise, 3))
    with pytest.raises(DataError, match=r"3\.00 s.*1\.00 s"):
        read_pair(short, long)


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        read_audio(tmp_path / "nowhere.wav")
    for name, content, words in (
        ("text.wav", b"hello", "text.wav"),
        ("a.ecdc", b"ECDC", "codec decode"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_audio(tmp_path / name)
    with pytest.raises(DataError, match="no audio"):
        read_audio(write(tmp_path / "empty.wav", np.zeros(0)))

"""Each metric on signals whose answer is known: identity, more and more noise, silence, too little sound."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from codectool.quality import metrics
from codectool.quality.mel import SCALES, mel_distance_db, mel_filterbank
from codectool.quality.signals import Signal

RATE_HZ = 16_000


def speech_like(duration_s: float, rate_hz: int = RATE_HZ) -> Signal:
    """Bursts of a buzzing voice over a faint noise, as PESQ and STOI want: they look for syllables."""
    rng = np.random.default_rng(7)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    voice = sum(np.sin(2 * np.pi * 120 * partial * time_s) / partial for partial in range(1, 30))
    syllables = np.maximum(0, np.sin(2 * np.pi * 1.5 * time_s)) ** 0.5
    return 0.1 * voice * syllables + 1e-4 * rng.standard_normal(len(time_s))


def with_noise(signal: Signal, level: float) -> Signal:
    return signal + level * np.random.default_rng(8).standard_normal(len(signal))


NOISE_LEVELS = (0.0, 0.001, 0.003, 0.01)  # further up PESQ lies at the bottom of its scale


@pytest.mark.parametrize(
    ("metric", "package", "best", "direction"),
    [
        (metrics.pesq_wb, "pesq", pytest.approx(4.64, abs=0.01), -1),
        (metrics.stoi, "pystoi", pytest.approx(1.0), -1),
        (metrics.si_sdr_db, None, metrics.SI_SDR_LIMIT_DB, -1),
        (mel_distance_db, None, 0.0, 1),
    ],
)
def test_identity_is_best_and_noise_makes_it_worse(metric, package, best, direction):
    if package:
        pytest.importorskip(package)
    signal = speech_like(3.0)
    values = [metric(signal, with_noise(signal, level), RATE_HZ) for level in NOISE_LEVELS]
    assert values[0] == best
    assert all(step * direction > 0 for step in np.diff(values))


def test_visqol_of_identity_is_near_the_top_of_its_scale():
    pytest.importorskip("visqol")
    signal = speech_like(1.2)
    assert metrics.visqol(signal, signal, RATE_HZ) == pytest.approx(4.73, abs=0.01)


def test_si_sdr_of_a_known_mixture():
    # The reference [1, -1, 1, -1] and an orthogonal error [1, 1, -1, -1] / 10: powers 4 and 0.04, so 20 dB.
    reference = np.array([1.0, -1.0, 1.0, -1.0])
    error = np.array([1.0, 1.0, -1.0, -1.0]) / 10
    assert metrics.si_sdr_db(reference, reference + error, RATE_HZ) == pytest.approx(20.0)


def test_si_sdr_ignores_scale_and_offset():
    reference = speech_like(0.5)
    decoded = with_noise(reference, 0.01)
    expected = metrics.si_sdr_db(reference, decoded, RATE_HZ)
    assert metrics.si_sdr_db(reference, 0.3 * decoded + 0.2, RATE_HZ) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [metrics.pesq_wb, metrics.stoi, metrics.visqol, metrics.si_sdr_db])
def test_silence_has_no_score(metric):
    for package in ("pesq", "pystoi", "visqol"):
        pytest.importorskip(package)
    silence = np.zeros(RATE_HZ)
    assert metric(silence, speech_like(1.0), RATE_HZ) is None


@pytest.mark.parametrize("metric", [metrics.pesq_wb, metrics.stoi, metrics.visqol])
@pytest.mark.parametrize("length_samples", [1, 1000, 3500])
def test_too_little_sound_has_no_score(metric, length_samples):
    for package in ("pesq", "pystoi", "visqol"):
        pytest.importorskip(package)
    signal = speech_like(1.0)[5000 : 5000 + length_samples]
    assert metric(signal, signal, RATE_HZ) is None


def test_pesq_of_what_no_speech_is_left_of_has_no_score():
    pytest.importorskip("pesq")
    assert metrics.pesq_wb(speech_like(1.0), np.full(RATE_HZ, 1e-30), RATE_HZ) is None


def test_stoi_of_one_word_in_a_long_pause_has_no_score():
    pytest.importorskip("pystoi")
    signal = np.concatenate([np.zeros(2 * RATE_HZ), speech_like(0.2)])
    assert metrics.stoi(signal, signal, RATE_HZ) is None


def test_pesq_takes_recordings_with_more_utterances_than_its_code_has_room_for():
    pytest.importorskip("pesq")
    rng = np.random.default_rng(9)
    seconds = np.arange(60 * RATE_HZ) / RATE_HZ
    bursts = 0.3 * rng.standard_normal(len(seconds)) * (np.sin(2 * np.pi * 2 * seconds) > 0)
    assert metrics.pesq_wb(bursts, bursts, RATE_HZ) == pytest.approx(4.64, abs=0.01)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100])
def test_mel_distance_of_a_gain_is_that_gain(rate_hz):
    noise = 0.1 * np.random.default_rng(10).standard_normal(rate_hz)
    assert mel_distance_db(noise, noise / 2, rate_hz) == pytest.approx(6.02, abs=0.02)


def test_mel_distance_does_not_depend_on_the_block_size(monkeypatch):
    signal, decoded = speech_like(0.7), with_noise(speech_like(0.7), 0.01)
    whole = mel_distance_db(signal, decoded, RATE_HZ)
    monkeypatch.setattr("codectool.quality.mel.BLOCK_FRAMES", 7)
    assert mel_distance_db(signal, decoded, RATE_HZ) == pytest.approx(whole)


@pytest.mark.parametrize("length_samples", [1, 79, 81, 1281])
def test_mel_distance_of_signals_as_short_as_a_window(length_samples):
    signal = np.ones(length_samples)
    assert mel_distance_db(signal, signal, RATE_HZ) == 0.0
    assert mel_distance_db(signal[:0], signal[:0], RATE_HZ) is None


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_every_mel_band_holds_a_bin_at_every_scale(rate_hz):
    for scale in range(SCALES):
        bands = 10 * 2**scale
        weights = mel_filterbank(bands, round(0.005 * 2**scale * rate_hz), rate_hz)
        assert weights.shape[1] == bands
        assert weights.sum(axis=0) == pytest.approx(1.0)


def test_a_missing_package_is_named_with_its_remedy_and_the_rest_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    monkeypatch.setitem(sys.modules, "visqol", None)
    keys, notes = metrics.available_metrics()
    assert "pesq_wb" not in keys
    assert {"si_sdr_db", "mel_distance_db"} <= set(keys)
    assert any("ViSQOL" in note and "visqol-python" in note and "codectool[eval]" in note for note in notes)
    signal = speech_like(1.0)
    assert metrics.score(signal, signal, RATE_HZ, ("si_sdr_db", "mel_distance_db")) == {
        "si_sdr_db": metrics.SI_SDR_LIMIT_DB,
        "mel_distance_db": 0.0,
    }

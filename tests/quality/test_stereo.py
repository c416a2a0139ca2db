"""Scores of two channels on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from codectool.quality import stereo
from codectool.quality.stereo import (
    LEVEL_ERROR_LIMIT_DB,
    OCTAVES_HZ,
    equal_channels,
    octave_levels_db,
    score_channels,
    side_level_error_db,
    side_level_error_max_db,
    side_level_errors_db,
    visqol_side,
)

RATE_HZ = 48_000
CHEAP = ("si_sdr_db", "side_level_error_db", "side_level_error_max_db", "equal_channels")


def noise(seed=0, seconds=1.0):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))


def with_side(mid, side):
    return np.stack([mid + side, mid - side])


@pytest.mark.parametrize("octave", range(len(OCTAVES_HZ)))
def test_a_tone_is_in_its_octave_at_its_level(octave):
    tone = 0.1 * np.sin(2 * np.pi * OCTAVES_HZ[octave] * np.arange(RATE_HZ) / RATE_HZ)
    levels_db = octave_levels_db(tone, RATE_HZ)
    assert levels_db[octave] == pytest.approx(
        -23.01, abs=0.1
    )  # 0.1 is -20 dB, of a sine's mean square 3 less
    assert all(np.delete(levels_db, octave) < -60)


def test_a_recording_shorter_than_a_window_has_levels():
    assert octave_levels_db(noise()[:500], RATE_HZ)[-1] > -60
    assert np.all(np.isneginf(octave_levels_db(np.zeros(500), RATE_HZ)))


def test_the_side_error_is_the_gain_of_the_side_in_every_octave():
    mid, side = noise(1), noise(2)
    errors_db = side_level_errors_db(with_side(mid, side), with_side(mid, side / 2), RATE_HZ)
    assert errors_db == pytest.approx(-6.02, abs=0.01)
    louder = 3 * with_side(mid, side)
    assert side_level_error_max_db(with_side(mid, side), louder, RATE_HZ) == pytest.approx(0, abs=1e-6)


def test_the_largest_error_is_of_one_octave_and_the_mean_of_all_that_count():
    mid, side = noise(1), noise(2)
    spectrum = np.fft.rfft(side)
    hz = np.fft.rfftfreq(len(side), 1 / RATE_HZ)
    spectrum[(hz > 1000 / 2**0.5) & (hz < 1000 * 2**0.5)] *= 10 ** (-10 / 20)
    decoded = with_side(mid, np.fft.irfft(spectrum, len(side)))
    reference = with_side(mid, side)
    assert side_level_error_max_db(reference, decoded, RATE_HZ) == pytest.approx(10, abs=0.3)
    assert side_level_error_db(reference, decoded, RATE_HZ) == pytest.approx(10 / len(OCTAVES_HZ), abs=0.1)


def test_a_side_that_is_lost_has_the_limit_however_the_mid_fares():
    reference = with_side(noise(1), noise(2))
    for mid in (noise(1), np.zeros(RATE_HZ)):
        lost = side_level_errors_db(reference, with_side(mid, np.zeros(RATE_HZ)), RATE_HZ)
        assert np.all(lost == -LEVEL_ERROR_LIMIT_DB)


@pytest.mark.parametrize("side_gain", [10 ** (-30 / 20), 0.0])
def test_a_side_that_nobody_hears_does_not_count(side_gain):
    reference = with_side(noise(1), side_gain * noise(2))
    assert np.all(np.isnan(side_level_errors_db(reference, with_side(noise(1), noise(2)), RATE_HZ)))
    assert side_level_error_db(reference, reference, RATE_HZ) is None
    assert side_level_error_max_db(reference, reference, RATE_HZ) is None


def test_a_side_below_the_floor_does_not_count_even_without_a_mid():
    quiet = with_side(np.zeros(RATE_HZ), 1e-4 * noise())
    assert np.all(np.isnan(side_level_errors_db(quiet, quiet, RATE_HZ)))


def test_equal_channels_are_asked_for_where_they_were_equal():
    same, other = np.stack([noise(), noise()]), with_side(noise(), noise(2))
    assert equal_channels(same, same / 2, RATE_HZ) == 1.0
    nearly = same.copy()
    nearly[0, 5] = np.nextafter(nearly[0, 5], 1)
    assert equal_channels(same, nearly, RATE_HZ) == 0.0
    assert equal_channels(other, other, RATE_HZ) is None


def test_scores_are_means_of_the_channels():
    reference = with_side(noise(1), noise(2))
    decoded = reference + np.stack([0.1 * noise(3), 0.01 * noise(4)])
    each = [
        score_channels(reference[place : place + 1], decoded[place : place + 1], RATE_HZ, CHEAP)
        for place in (0, 1)
    ]
    assert [set(scores) for scores in each] == [{"si_sdr_db"}] * 2
    both = score_channels(reference, decoded, RATE_HZ, CHEAP)
    assert list(both) == list(CHEAP)
    assert each[1]["si_sdr_db"] - each[0]["si_sdr_db"] == pytest.approx(20, abs=0.1)
    assert both["si_sdr_db"] == pytest.approx((each[0]["si_sdr_db"] + each[1]["si_sdr_db"]) / 2)


def test_a_silent_channel_does_not_count_in_the_mean():
    reference = np.stack([noise(1), np.zeros(RATE_HZ)])
    decoded = reference + np.stack([0.1 * noise(3), np.zeros(RATE_HZ)])
    alone = score_channels(reference[:1], decoded[:1], RATE_HZ, ("si_sdr_db",))
    assert score_channels(reference, decoded, RATE_HZ, ("si_sdr_db",)) == alone


def test_channels_that_are_the_same_are_scored_once(monkeypatch):
    scored = []
    monkeypatch.setattr(stereo, "score", lambda *given: scored.append(given) or {"si_sdr_db": 1.0})
    same = np.stack([noise(), noise()])
    assert score_channels(same, same, RATE_HZ, CHEAP)["si_sdr_db"] == 1.0
    assert len(scored) == 1
    score_channels(same, with_side(noise(), noise(2)), RATE_HZ, CHEAP)
    assert len(scored) == 3


def test_visqol_of_the_side():
    pytest.importorskip("visqol")
    mid, side = noise(1, 1.2), noise(2, 1.2)
    reference = with_side(mid, side)
    assert visqol_side(reference, with_side(0 * mid, side), RATE_HZ) == pytest.approx(4.73, abs=0.01)
    assert visqol_side(reference, with_side(mid, 0 * side), RATE_HZ) == stereo.VISQOL_LOWEST
    assert visqol_side(with_side(mid, 0 * side), reference, RATE_HZ) is None

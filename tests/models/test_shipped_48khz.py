"""The shipped stereo weights code as they did when released, and keep both channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import codectool
from codectool.models.registry import MODELS
from codectool.quality.mel import mel_distance_db

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden"  # a file a fingerprint, by `python -m weights.recipe.golden`
MUSIC = ROOT / "examples" / "music.flac"
NAME = "base_48khz"
EQUAL_SHARE = 0.97  # of the codes of 6 kbps, on any machine and engine: the others were nearly ties
WORST_MEL_DISTANCE_DB = {6000: 1.2, 12000: 1.1, 24000: 1.1}  # when released: 1.07, 1.00, 0.98
LOUDEST_SIDE_DB = -60.0  # to the mid, of channels that are alike; when released: -67 at most
SIDE_WITHIN_DB = 3.0  # of the side's level over the mid's at 12 kbps; when released: 1.3


@pytest.fixture(scope="module")
def model() -> codectool.Model:
    return codectool.load(NAME, weights=ROOT / "weights" / MODELS[NAME].weights_file)


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    audio, rate_hz = soundfile.read(MUSIC, dtype="float32")
    assert rate_hz == MODELS[NAME].sample_rate_hz
    return audio.T


def test_the_registry_names_the_shipped_weights(model: codectool.Model) -> None:
    assert model.fingerprint == MODELS[NAME].fingerprint.hex()


def test_the_codes_are_those_of_the_release(model: codectool.Model) -> None:
    golden = GOLDEN / f"{model.fingerprint}.ecdc"
    audio, rate_hz = soundfile.read(ROOT / "examples" / "speech.wav", dtype="float32")
    codes = model.encode(audio, rate_hz, bitrate=6000)
    with codectool.open(golden) as file:
        released = file.codes()
    assert codes.shape == released.shape
    assert np.mean(codes == released) >= EQUAL_SHARE
    decoded, decoded_hz = codectool.read(golden, weights=ROOT / "weights" / MODELS[NAME].weights_file)
    assert (decoded.shape[1], decoded_hz) == (len(audio), rate_hz)


@pytest.mark.parametrize("bitrate", WORST_MEL_DISTANCE_DB)
def test_music_stays_as_good(model: codectool.Model, music: np.ndarray, bitrate: int) -> None:
    decoded = model.decode(model.encode(music, model.sample_rate, bitrate=bitrate))[:, : music.shape[1]]
    distances_db = [mel_distance_db(*pair, model.sample_rate) for pair in zip(music, decoded, strict=True)]
    assert max(distance or 0 for distance in distances_db) <= WORST_MEL_DISTANCE_DB[bitrate]


def test_the_side_is_as_loud(model: codectool.Model, music: np.ndarray) -> None:
    decoded = model.decode(model.encode(music, model.sample_rate, bitrate=12000))
    levels_db = []
    for left, right in (music, decoded):
        powers = [np.square(sound).mean() for sound in (left - right, left + right)]
        levels_db.append(10 * np.log10(powers[0] / powers[1]))
    assert levels_db[0] > -30, "there is no side to keep"
    assert abs(levels_db[1] - levels_db[0]) <= SIDE_WITHIN_DB


@pytest.mark.parametrize("levels", [1, 4, 8, 16, 32])
def test_channels_that_are_alike_stay_nearly_alike(
    model: codectool.Model, music: np.ndarray, levels: int
) -> None:
    alike = np.stack([music.mean(axis=0)] * 2)
    left, right = model.decode(model.encode(alike, model.sample_rate, levels=levels))
    assert np.abs(left).max() > 0.01
    powers = [np.square(sound).mean() for sound in (left - right, left + right)]
    assert 10 * np.log10(powers[0] / powers[1]) <= LOUDEST_SIDE_DB


def test_a_recording_of_one_channel_stays_one(tmp_path: Path) -> None:
    weights = ROOT / "weights" / MODELS[NAME].weights_file
    coded, back = tmp_path / "speech.ecdc", tmp_path / "speech.wav"
    codectool.encode_file(ROOT / "examples" / "speech.wav", coded, model=NAME, weights=weights)
    codectool.decode_file(coded, back, weights=weights)
    assert soundfile.info(back).channels == 1


def test_silence_stays_silent(model: codectool.Model) -> None:
    silence = np.zeros((2, model.sample_rate), np.float32)
    for levels in (1, 8, 16, 32):
        decoded = model.decode(model.encode(silence, model.sample_rate, levels=levels))
        assert np.abs(decoded).max() < 1e-4  # -80 dBFS

"""The shipped weights code as they did when released: codes, quality and files stay what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import codectool
from codectool.audio.resample import Resampler
from codectool.models.registry import DEFAULT_MODEL, MODELS
from codectool.quality.mel import mel_distance_db
from codectool.quality.metrics import si_sdr_db

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden"  # a file a fingerprint, by `python -m weights.recipe.golden`
SPEECH = ROOT / "examples" / "speech.wav"
LEAST_SI_SDR_48KHZ_DB = 0.1  # at 6 kbps; when released: 0.3
EQUAL_SHARE = 0.97  # of the codes of 6 kbps, on any machine and engine: the others were nearly ties
WORST_MEL_DISTANCE_DB = {3000: 2.8, 6000: 2.4, 24000: 2.1}  # when released: 2.58, 2.18, 1.88
LEAST_SI_SDR_DB = {3000: -1.0, 6000: 1.4, 24000: 2.3}  # when released: -0.4, 1.8, 2.8


@pytest.fixture(scope="module")
def model() -> codectool.Model:
    return codectool.load(weights=ROOT / "weights" / MODELS[DEFAULT_MODEL].weights_file)


@pytest.fixture(scope="module")
def speech() -> tuple[np.ndarray, int]:
    audio, rate_hz = soundfile.read(SPEECH, dtype="float32")
    return audio, rate_hz


def golden_of(model: codectool.Model) -> Path:
    return GOLDEN / f"{model.fingerprint}.ecdc"


def test_the_codes_are_those_of_the_release(model: codectool.Model, speech: tuple[np.ndarray, int]) -> None:
    codes = model.encode(*speech, bitrate=6000)
    with codectool.open(golden_of(model)) as file:
        released = file.codes()
    assert codes.shape == released.shape
    assert np.mean(codes == released) >= EQUAL_SHARE


@pytest.mark.parametrize("bitrate", WORST_MEL_DISTANCE_DB)
def test_speech_stays_as_good(model: codectool.Model, speech: tuple[np.ndarray, int], bitrate: int) -> None:
    audio, rate_hz = speech
    decoded = model.decode(model.encode(audio, rate_hz, bitrate=bitrate))[0]
    resampler = Resampler(rate_hz, model.sample_rate, 1)
    reference = np.concatenate((resampler.push(audio[None]), resampler.finish()), axis=1)[0]
    decoded = decoded[: len(reference)]
    distance_db = mel_distance_db(reference, decoded, model.sample_rate)
    ratio_db = si_sdr_db(reference, decoded, model.sample_rate)
    assert distance_db is not None
    assert ratio_db is not None
    assert distance_db <= WORST_MEL_DISTANCE_DB[bitrate]
    assert ratio_db >= LEAST_SI_SDR_DB[bitrate]


@pytest.mark.parametrize("name", sorted(file.name for file in GOLDEN.iterdir()))
def test_files_of_releases_decode(name: str, speech: tuple[np.ndarray, int]) -> None:
    audio, rate_hz = speech
    with codectool.open(GOLDEN / name) as file:
        weights = ROOT / "weights" / MODELS[file.info.header.model].weights_file
    decoded, decoded_hz = codectool.read(GOLDEN / name, weights=weights)
    assert (decoded.shape, decoded_hz) == ((1, len(audio)), rate_hz)
    ratio_db = si_sdr_db(audio, decoded[0], rate_hz)
    assert ratio_db is not None
    assert ratio_db >= (LEAST_SI_SDR_DB[6000] if "24khz" in weights.name else LEAST_SI_SDR_48KHZ_DB)


def test_the_registry_names_the_shipped_weights(model: codectool.Model) -> None:
    assert model.fingerprint == MODELS[DEFAULT_MODEL].fingerprint.hex()
    assert golden_of(model).is_file()

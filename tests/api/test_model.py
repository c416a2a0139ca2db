"""The library as a program uses it, with the small model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import codectool

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def model(small_weights: Path) -> codectool.Model:
    return codectool.load("base_24khz", weights=small_weights)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    """Stereo, as soundfile gives it."""
    return np.random.default_rng(0).normal(0, 0.1, (2 * RATE_HZ + 17, 2))


def test_a_model_says_what_it_is(model: codectool.Model) -> None:
    assert (model.name, model.sample_rate, model.channels) == ("base_24khz", 24_000, 1)
    assert (model.frame_rate, model.samples_per_frame) == (75.0, 320)
    assert (model.codebooks, model.levels, model.codebook_size) == (32, 32, 1024)
    assert (model.bitrates[0], model.bitrates[-1]) == (750.0, 24_000.0)
    assert model.causal
    assert model.latency == pytest.approx(2 * 320 / 24_000)
    assert len(model.fingerprint) == 16
    assert model.fingerprint in repr(model)


def test_codes_are_those_of_a_file(
    model: codectool.Model, recording: np.ndarray, small_weights: Path, tmp_path: Path
) -> None:
    source, coded, back = tmp_path / "in.wav", tmp_path / "out.ecdc", tmp_path / "back.wav"
    soundfile.write(source, recording, RATE_HZ, subtype="FLOAT")
    codectool.encode_file(source, coded, bitrate=6000, weights=small_weights, tags={"title": "noise"})
    codes = model.encode(recording, RATE_HZ, bitrate=6000, channels_last=True)
    with codectool.open(coded) as file:
        np.testing.assert_array_equal(file.codes(), codes)
        assert file.tags == {"title": "noise"}
        assert file.info.total_samples == len(recording)
    codectool.decode_file(coded, back, weights=small_weights, subtype="FLOAT")
    audio, rate_hz = codectool.read(coded, weights=small_weights)
    assert (rate_hz, audio.shape) == (RATE_HZ, (1, len(recording)))
    np.testing.assert_array_equal(soundfile.read(back, dtype="float32")[0], audio[0])
    np.testing.assert_array_equal(model.decode(codes, RATE_HZ, samples=len(recording)), audio)
    part, _ = codectool.read(coded, start=0.5, duration=0.25, weights=small_weights)
    first = RATE_HZ // 2
    np.testing.assert_allclose(part, audio[:, first : first + part.shape[1]], atol=1e-6)
    assert part.shape[1] == round(0.25 * RATE_HZ)


def test_streams_give_what_whole_recordings_give(model: codectool.Model, recording: np.ndarray) -> None:
    codes = model.encode(recording, RATE_HZ, channels_last=True)
    encoder, decoder = model.encoder(RATE_HZ), model.decoder(RATE_HZ)
    for _ in range(2):  # the second stream begins anew
        pieces = [encoder.push(recording[i : i + 1001], channels_last=True) for i in range(0, 90_000, 1001)]
        pieces.append(encoder.finish())
        np.testing.assert_array_equal(np.concatenate(pieces, axis=1), codes)
        heard = [*(decoder.push(piece) for piece in pieces), decoder.finish()]
        np.testing.assert_array_equal(np.concatenate(heard, axis=1), model.decode(codes, RATE_HZ))


def test_shorter_blocks_give_codes_sooner(model: codectool.Model) -> None:
    encoder = model.encoder(block_seconds=0.1)
    assert encoder.push(np.zeros(4800, np.float32)).shape[1] > 0
    with pytest.raises(ValueError, match="block_seconds"):
        model.encoder(block_seconds=0)
    with pytest.raises(ValueError, match="2 channels, in a stream of 1"):
        encoder.push(np.zeros((2, 100)))


def test_a_batch_gives_what_each_alone_gives(model: codectool.Model, recording: np.ndarray) -> None:
    clips = [
        recording[:, 0],
        recording[:50_000, 1],
        recording[:0, 0],
        recording[:50_100],
        recording[:49_000, 0],
    ]
    for each in (False, True):
        given = [clip if clip.ndim == 2 else clip[:, None] for clip in clips] if each else clips[:3]
        alone = [model.encode(clip, RATE_HZ, levels=3, channels_last=each) for clip in given]
        together = model.encode_batch(given, RATE_HZ, levels=3, channels_last=each)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 321, 24_000])
def test_lengths_are_exact(model: codectool.Model, samples: int) -> None:
    codes = model.encode(np.zeros(samples))
    assert model.decode(codes, samples=samples).shape == (1, samples)
    longest = model.decode(codes).shape[1]
    with pytest.raises(ValueError, match="these codes hold"):
        model.decode(codes, samples=longest + 1)


def test_errors_are_those_python_expects(model: codectool.Model, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.wav"):
        codectool.encode_file(tmp_path / "none.wav", tmp_path / "out.ecdc")
    with pytest.raises(ValueError, match="base_24khz"):
        codectool.load("nobody")
    with pytest.raises(codectool.WeightsError):
        codectool.load(weights=tmp_path / "none.safetensors")
    (tmp_path / "text.ecdc").write_text("not coded")
    with pytest.raises(codectool.DataError, match=r"text\.ecdc"):
        codectool.open(tmp_path / "text.ecdc")


def test_importing_is_cheap_and_looking_into_files_needs_no_torch(tmp_path: Path) -> None:
    program = "import sys, codectool; sys.exit(any(name in sys.modules for name in ('numpy', 'torch')))"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    program = "import sys, codectool; codectool.open; codectool.encode_file; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_all_public_names_are_there_and_no_others() -> None:
    for name in codectool.__all__:
        assert getattr(codectool, name) is not None
        assert name in dir(codectool)
    with pytest.raises(AttributeError, match="nothing"):
        codectool.nothing  # noqa: B018


def test_levels_stay_in_a_stream(model: codectool.Model) -> None:
    decoder = model.decoder()
    decoder.push(np.zeros((8, 3), int))
    with pytest.raises(ValueError, match="codes of 4 levels, in a stream of 8"):
        decoder.push(np.zeros((4, 3), int))
    decoder.finish()
    decoder.push(np.zeros((4, 3), int))

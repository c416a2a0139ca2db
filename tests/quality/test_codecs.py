"""Codecs as commands: what they are told, what they give, and what their failures mean."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.errors import CodecError, UsageError, WeightsError
from codectool.quality import codecs
from codectool.quality.codecs import BuiltInCodec, Mp3Codec, OpusCodec, UncodedCodec

RATE_HZ = 24_000


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ), RATE_HZ)
    return path


@pytest.mark.parametrize("codec", [OpusCodec(), Mp3Codec()], ids=lambda codec: codec.name)
def test_a_peer_gives_the_recording_back(codec, tone, tmp_path):
    if command := codec.missing():
        pytest.skip(f"no {command}")
    trip = codec.roundtrip(tone, 24_000, tmp_path)
    decoded, rate_hz = soundfile.read(trip.decoded)
    assert len(decoded) / rate_hz == pytest.approx(1.0, abs=0.1)
    assert 1000 < trip.bytes_written < 8000
    assert codec.version()


@pytest.mark.parametrize("name", ["opus", "mp3"])
def test_a_peer_keeps_two_channels_at_the_rates_for_them(name, tmp_path):
    codec = codecs.STEREO_PEERS[name]
    if command := codec.missing():
        pytest.skip(f"no {command}")
    left, right = 0.1 * np.random.default_rng(0).standard_normal((2, RATE_HZ))
    soundfile.write(tmp_path / "noise.wav", np.stack([left, right], axis=1), RATE_HZ, subtype="PCM_24")
    trip = codec.roundtrip(tmp_path / "noise.wav", max(codec.rates_bps), tmp_path)
    assert soundfile.info(trip.decoded).channels == 2
    assert codecs.choose_peers(name, stereo=True) == ([codec], [])
    assert codecs.choose_peers(name) == ([codecs.PEERS[name]], [])


def test_uncoded_is_the_recording_as_far_as_its_band_goes(tmp_path):
    time_s = np.arange(48_000) / 48_000
    low, high = (0.3 * np.sin(2 * np.pi * frequency_hz * time_s) for frequency_hz in (1000, 15_000))
    soundfile.write(tmp_path / "tones.wav", low + high, 48_000, subtype="PCM_24")
    codec = UncodedCodec()
    trip = codec.roundtrip(tmp_path / "tones.wav", *codec.rates_bps, tmp_path)
    decoded, rate_hz = soundfile.read(trip.decoded)
    assert (rate_hz, len(decoded), trip.bytes_written * 8) == (24_000, 24_000, codec.rates_bps[0])
    np.testing.assert_allclose(decoded[1000:-1000], low[::2][1000:-1000], atol=1e-4)


def test_a_peer_that_fails_says_why(tmp_path):
    if OpusCodec().missing():
        pytest.skip("no opusenc")
    (tmp_path / "text.wav").write_bytes(b"hello")
    with pytest.raises(CodecError):
        OpusCodec().roundtrip(tmp_path / "text.wav", 6000, tmp_path)


def test_a_command_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(codecs.shutil, "which", lambda command: None if command == "opusdec" else command)
    assert OpusCodec().missing() == "opusdec"
    assert Mp3Codec().missing() is None


def test_the_built_in_model_is_run_as_a_user_would(monkeypatch, tone, tmp_path):
    commands = []

    def run(command, **_):
        commands.append(command[3:])
        Path(command[5]).write_bytes(b"12345")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(codecs.subprocess, "run", run)
    codec = BuiltInCodec((1500,), "base_24khz", tmp_path / "weights.safetensors")
    assert codec.roundtrip(tone, 1500, tmp_path).bytes_written == 5
    encode, decode = commands
    assert encode[:2] == ["encode", str(tone)]
    assert encode[encode.index("-b") + 1] == "1.5kbps"
    for command in (encode, decode):
        assert command[command.index("--model") + 1] == "base_24khz"
        assert command[command.index("--weights") + 1] == str(tmp_path / "weights.safetensors")


@pytest.mark.parametrize(("exit_code", "kind"), [(2, UsageError), (5, WeightsError), (1, CodecError)])
def test_the_built_in_models_exit_code_keeps_its_meaning(monkeypatch, tone, tmp_path, exit_code, kind):
    failed = subprocess.CompletedProcess([], exit_code, "", "progress\nError: no\n")
    monkeypatch.setattr(codecs.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(kind, match="Error: no"):
        BuiltInCodec((6000,)).roundtrip(tone, 6000, tmp_path)

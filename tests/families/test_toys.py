"""Two toy families, one file each, go through everything, and no other file of the package knows them."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import codectool
from codectool.container import Reader, scan
from codectool.models.registry import ModelEntry, find, known_models
from codectool.pipeline.decode_loop import decode_blocks
from tests.nn.contract import check_contract


def sound(entry: ModelEntry, seconds: float, seed: int = 0) -> np.ndarray:
    """Return noise `[channels, samples]` at the model's rate."""
    samples = round(seconds * entry.sample_rate_hz)
    return np.random.default_rng(seed).normal(0, 0.1, (entry.channels, samples)).astype(np.float32)


def write(path: Path, audio: np.ndarray, rate_hz: int) -> Path:
    soundfile.write(path, audio.T, rate_hz, subtype="FLOAT")
    return path


def run(*arguments: object, data: bytes = b"") -> bytes:
    """Run a command as a process of its own."""
    command = [sys.executable, "-m", "codectool", *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_both_halves_keep_the_contract(toy: ModelEntry) -> None:
    module = importlib.import_module(toy.family)
    torch.manual_seed(0)
    codec = module.FAMILY.build(module.FAMILY.config()).eval().requires_grad_(False)
    check_contract(codec.encoder, toy.channels)
    dim = module.FAMILY.config().dim * (1 if toy.causal else module.FINE_FRAMES)
    check_contract(codec.decoder, dim)


def test_they_are_found_by_name(toy: ModelEntry) -> None:
    assert find(toy.name) is toy
    assert toy in list(known_models())
    assert toy.name in run("models").decode()


@pytest.mark.parametrize("samples", [0, 1, 511, 2047, 2048, 2049, 9_973, 100_003])
def test_streams_equal_the_whole_network(toy: ModelEntry, samples: int) -> None:
    model = codectool.load(toy.name)
    audio = sound(toy, 5)[:, :samples]
    whole = model.encode(audio)
    codec = model._loaded.encoder.codec
    with torch.inference_mode():
        latents = codec.encoder(torch.from_numpy(audio.T.copy())[None])
        expected = codec.quantizer.encode(latents)[0].numpy()
        decoded = codec.decoder(codec.quantizer.decode(torch.from_numpy(expected)[None]))[0].T.numpy()
    assert whole.shape == (toy.levels, -(-samples // toy.hop_samples))
    assert np.mean(whole == expected) > 0.99 if whole.size else True  # ties may fall otherwise
    np.testing.assert_allclose(model.decode(expected), decoded, atol=1e-5)
    for piece in (1000, 7919):
        encoder, decoder = model.encoder(), model.decoder()
        blocks = [audio[:, start : start + piece] for start in range(0, samples, piece)]
        codes = [*(encoder.push(block) for block in blocks), encoder.finish()]
        np.testing.assert_array_equal(np.concatenate(codes, axis=1), whole)
        heard = [*(decoder.push(each) for each in codes), decoder.finish()]
        np.testing.assert_array_equal(np.concatenate(heard, axis=1), model.decode(whole))


def test_long_audio_in_runs_side_by_side_is_the_same(toy: ModelEntry) -> None:
    from codectool.sessions.streaming import DecoderSession, EncoderSession

    model = codectool.load(toy.name)._loaded
    audio = sound(toy, 60)
    alone, side_by_side = (EncoderSession(model, toy.levels, threads=count) for count in (1, 3))
    codes = np.concatenate((alone.push(audio), alone.finish()), axis=1)
    np.testing.assert_array_equal(np.concatenate((side_by_side.push(audio), side_by_side.finish()), 1), codes)
    first, second = (DecoderSession(model, threads=count) for count in (1, 3))
    np.testing.assert_array_equal(
        np.concatenate((first.push(codes), first.finish()), axis=1),
        np.concatenate((second.push(codes), second.finish()), axis=1),
    )


def test_files_pipes_and_folders_give_the_same_bytes(toy: ModelEntry, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = write(folder / "a.wav", sound(toy, 2.5), toy.sample_rate_hz)
    write(folder / "b.wav", sound(toy, 1.1, seed=1), 48_000)
    coded = tmp_path / "a.ecdc"
    run("encode", source, coded, "--model", toy.name)
    assert run("encode", "-", "-", "--model", toy.name, data=source.read_bytes()) == coded.read_bytes()
    run("encode", folder, tmp_path / "out", "--model", toy.name, "--jobs", 2)
    assert (tmp_path / "out" / "a.ecdc").read_bytes() == coded.read_bytes()
    run("decode", coded, tmp_path / "a.wav")
    piped = run("decode", "-", "-", data=coded.read_bytes())
    assert soundfile.read(io.BytesIO(piped))[0].tolist() == soundfile.read(tmp_path / "a.wav")[0].tolist()
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.frames, info.channels) == (round(2.5 * toy.sample_rate_hz), toy.channels)
    run("verify", coded)


def test_parts_trimming_and_tokens(toy: ModelEntry, tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", sound(toy, 8), toy.sample_rate_hz)
    coded, fewer = tmp_path / "a.ecdc", tmp_path / "b.ecdc"
    codectool.encode_file(source, coded, model=toy.name)
    whole, rate_hz = codectool.read(coded)
    part, _ = codectool.read(coded, start=5, duration=1)
    np.testing.assert_allclose(part, whole[:, 5 * rate_hz : 6 * rate_hz], atol=1e-6)
    first = toy.level_choices[0]
    run("trim", coded, fewer, "--levels", first)
    codectool.encode_file(source, tmp_path / "c.ecdc", model=toy.name, levels=first)
    assert fewer.read_bytes() == (tmp_path / "c.ecdc").read_bytes()
    run("tokens", coded, tmp_path / "a.npz")
    run("tokens", tmp_path / "a.npz", tmp_path / "again.ecdc")
    assert (tmp_path / "again.ecdc").read_bytes() == coded.read_bytes()
    with codectool.open(coded) as file:
        np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["codes"], file.codes())


def test_damage_keeps_the_place_of_what_follows(toy: ModelEntry, tmp_path: Path) -> None:
    source, coded = write(tmp_path / "a.wav", sound(toy, 6), toy.sample_rate_hz), tmp_path / "a.ecdc"
    codectool.encode_file(source, coded, model=toy.name)
    whole, _ = codectool.read(coded)
    data = bytearray(coded.read_bytes())
    data[len(data) // 2] ^= 255  # inside a packet in the middle
    summary = scan(io.BytesIO(data))
    assert summary.gap_count == 1
    model = codectool.load(toy.name)._loaded
    damaged = np.concatenate(list(decode_blocks(Reader(io.BytesIO(data)), model)), axis=1)
    assert damaged.shape == whole.shape
    gap = summary.gaps[0]
    assert gap.frames is not None
    lost_from, lost_to = (
        frame * toy.hop_samples for frame in (gap.first_frame, gap.first_frame + gap.frames)
    )
    settled = lost_to + 8 * toy.hop_samples
    assert not damaged[:, lost_from + toy.hop_samples : lost_to].any()
    np.testing.assert_allclose(damaged[:, settled:], whole[:, settled:], atol=1e-5)
    before = lost_from - 3 * toy.hop_samples
    np.testing.assert_allclose(damaged[:, :before], whole[:, :before], atol=1e-5)


def test_levels_are_whole_codebooks() -> None:
    from tests.families.toy_ahead import ENTRY

    assert ENTRY.level_choices == (1, 3, 7)
    assert [ENTRY.levels_for(rate) for rate in ENTRY.rates_bps()] == [1, 3, 7]
    with pytest.raises(ValueError, match="1, 3, 7"):
        ENTRY.check_levels(2)


def test_a_mono_recording_comes_back_mono(toy: ModelEntry, tmp_path: Path) -> None:
    mono = sound(toy, 2.5)[:1]
    (tmp_path / "clips").mkdir()
    source = write(tmp_path / "clips" / "a.wav", mono, toy.sample_rate_hz)
    coded = tmp_path / "a.ecdc"
    codectool.encode_file(source, coded, model=toy.name)
    with codectool.open(coded) as file:
        of_the_model = codectool.load(toy.name).decode(file.codes(), samples=mono.shape[1])
    heard, _ = codectool.read(coded)
    np.testing.assert_allclose(heard, of_the_model.mean(axis=0, keepdims=True), atol=1e-6)
    (tmp_path / "in").mkdir()
    coded.rename(tmp_path / "in" / "a.ecdc")
    run("decode", tmp_path / "in", tmp_path / "out")
    written_ns = (tmp_path / "out" / "a.wav").stat().st_mtime_ns
    run("decode", tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "a.wav").stat().st_mtime_ns == written_ns  # it counts as done
    run("tokenize", source.parent, tmp_path / "tokens", "--model", toy.name)
    run("decode", tmp_path / "tokens", tmp_path / "heard")
    for path in (tmp_path / "out" / "a.wav", next((tmp_path / "heard").rglob("*.wav"))):
        written, _ = soundfile.read(path, always_2d=True)
        np.testing.assert_allclose(written.T, heard.clip(-1, 1), atol=1e-4)

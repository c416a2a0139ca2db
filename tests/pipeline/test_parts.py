"""Parts of a file, channels kept apart, short packets and tags, with a small model."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from codectool import pipeline
from codectool.container import Reader
from codectool.errors import UsageError
from codectool.models.loaded import LoadedModel
from codectool.pipeline import DecodeJob, EncodeJob
from codectool.pipeline.decode_loop import Part, decode_blocks, start_of


def write_noise(path: Path, seconds: float, rate_hz: int, channels: int = 1) -> str:
    """Write a WAV of noise that grows and falls; gives its name."""
    samples = round(seconds * rate_hz)
    swell = 0.1 + 0.1 * np.sin(np.arange(samples) / rate_hz)
    audio = np.random.default_rng(0).normal(0, 1, (channels, samples)) * swell
    soundfile.write(path, audio.T, rate_hz, subtype="PCM_16")
    return str(path)


def encode(model: LoadedModel, source: str, target: Path, **options: Any) -> pipeline.EncodeResult:
    return pipeline.encode(EncodeJob(source, str(target), overwrite=True, **options), loader=lambda *_: model)


def decode(model: LoadedModel, source: Path, **options: Any) -> np.ndarray:
    """Decode to memory as float samples `[channels, samples]`."""
    target = source.with_suffix(".back.wav")
    job = DecodeJob(str(source), str(target), subtype="FLOAT", overwrite=True, **options)
    pipeline.decode(job, loader=lambda *_: model)
    return np.asarray(soundfile.read(target, dtype="float32", always_2d=True)[0].T)


@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000, 8_000, 22_051])
@pytest.mark.parametrize("low_latency", [False, True])
def test_a_part_is_what_a_whole_decode_has_there(
    tmp_path: Path, small_model: LoadedModel, rate_hz: int, low_latency: bool
) -> None:
    coded = tmp_path / "a.ecdc"
    encode(small_model, write_noise(tmp_path / "a.wav", 9.3, rate_hz), coded, low_latency=low_latency)
    whole = decode(small_model, coded)
    for start_s, duration_s in [
        (0, 0.5),
        (0.01, None),
        (4.2, 1.7),
        (8.0, 0.001),
        (9.0, 5),
        (9.3, None),
        (3, 0),
    ]:
        part = decode(small_model, coded, start_s=start_s, duration_s=duration_s)
        first = round(start_s * rate_hz)
        last = None if duration_s is None else first + round(duration_s * rate_hz)
        assert part.shape == whole[:, first:last].shape
        if rate_hz == 24_000:
            assert np.array_equal(part, whole[:, first:last])
        elif part.size:
            assert np.abs(part - whole[:, first:last]).max() < 1 / 32768


def test_a_part_of_a_pipe_is_the_same(tmp_path: Path, small_model: LoadedModel) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    coded = tmp_path / "a.ecdc"
    encode(small_model, write_noise(tmp_path / "a.wav", 5, 24_000), coded)
    part = Part(60_000, 70_001)
    with coded.open("rb") as file:
        from_file = np.concatenate(list(decode_blocks(Reader(file), small_model, part)), axis=1)
    pipe = Reader(Pipe(coded.read_bytes()))
    assert np.array_equal(np.concatenate(list(decode_blocks(pipe, small_model, part)), axis=1), from_file)


def test_only_what_a_part_needs_is_decoded(tmp_path: Path, small_model: LoadedModel) -> None:
    coded = tmp_path / "a.ecdc"
    encode(small_model, write_noise(tmp_path / "a.wav", 60, 24_000), coded)
    reach_frames = small_model.decoder.receptive_field_frames
    with coded.open("rb") as file:
        reader = Reader(file)
        list(decode_blocks(reader, small_model, Part(40 * 24_000, 41 * 24_000)))
        assert reader.packets <= 5
        start = start_of(Part(40 * 24_000), reader.header, reach_frames)
        assert start_of(Part(40 * 24_000), reader.header, None).frame == 0
    assert 36 * 75 <= start.frame < 40 * 75
    assert start.frame % 75 == 0


def test_a_part_behind_damage_keeps_its_place(tmp_path: Path, small_model: LoadedModel) -> None:
    coded = tmp_path / "a.ecdc"
    encode(small_model, write_noise(tmp_path / "a.wav", 20, 24_000), coded)
    whole = decode(small_model, coded)
    data = coded.read_bytes()
    coded.write_bytes(data[:2000] + data[2100:])  # packets are no longer where their number says
    part = decode(small_model, coded, start_s=15, duration_s=2)
    assert np.array_equal(part, whole[:, 15 * 24_000 : 17 * 24_000])


def test_parts_that_are_not_there_are_refused(tmp_path: Path, small_model: LoadedModel) -> None:
    coded = tmp_path / "a.ecdc"
    encode(small_model, write_noise(tmp_path / "a.wav", 2, 24_000), coded)
    endless = [{name: value} for name in ("start_s", "duration_s") for value in (math.inf, math.nan)]
    for options in ({"start_s": 2.1}, {"start_s": -1.0}, {"duration_s": -1.0}, *endless):
        with pytest.raises(UsageError, match="start"):
            decode(small_model, coded, **options)


def test_kept_channels_are_streams_of_their_own(tmp_path: Path, small_model: LoadedModel) -> None:
    source = write_noise(tmp_path / "a.wav", 2.5, 44_100, channels=3)
    result = encode(small_model, source, tmp_path / "all.ecdc", keep_channels=True, rate_bps=18_000.0)
    assert (result.levels, result.nominal_bps) == (8, 18_000.0)
    assert not [note for note in result.notes if "mixed" in note]
    together = decode(small_model, tmp_path / "all.ecdc")
    audio, rate_hz = soundfile.read(source, always_2d=True)
    for channel in range(3):
        alone = tmp_path / f"{channel}.wav"
        soundfile.write(alone, audio[:, channel], rate_hz, subtype="PCM_16")
        encode(small_model, str(alone), tmp_path / "one.ecdc", levels=8)
        assert np.array_equal(decode(small_model, tmp_path / "one.ecdc")[0], together[channel])


def test_too_many_channels_or_too_low_a_rate_are_refused(tmp_path: Path, small_model: LoadedModel) -> None:
    nine = write_noise(tmp_path / "nine.wav", 0.1, 24_000, channels=9)
    two = write_noise(tmp_path / "two.wav", 0.1, 24_000, channels=2)
    with pytest.raises(UsageError, match="9 channels"):
        encode(small_model, nine, tmp_path / "a.ecdc", keep_channels=True)
    with pytest.raises(UsageError, match=r"1\.5, 3"):
        encode(small_model, two, tmp_path / "a.ecdc", keep_channels=True, rate_bps=1000.0)
    assert encode(small_model, two, tmp_path / "a.ecdc", keep_channels=True, rate_bps=48_000.0).levels == 32


def test_short_packets_carry_the_same_sound(tmp_path: Path, small_model: LoadedModel) -> None:
    source = write_noise(tmp_path / "a.wav", 3, 24_000)
    plain = encode(small_model, source, tmp_path / "plain.ecdc")
    quick = encode(small_model, source, tmp_path / "quick.ecdc", low_latency=True)
    packets = -(-3 * 75 // 2)
    assert quick.bytes_written - plain.bytes_written == pytest.approx(13 * packets, abs=100)
    with (tmp_path / "plain.ecdc").open("rb") as a, (tmp_path / "quick.ecdc").open("rb") as b:
        codes = [np.concatenate([event.codes for event in Reader(file)], axis=2) for file in (a, b)]
    assert np.mean(codes[0] != codes[1]) < 0.01  # only codes near a tie may differ


def test_too_many_tags_are_refused_before_the_work(tmp_path: Path, small_model: LoadedModel) -> None:
    source = tmp_path / "a.flac"
    with soundfile.SoundFile(source, "w", 24_000, 1) as file:
        file.title = "A" * 900
        file.write(np.zeros(5000))
    job = EncodeJob(str(source), str(tmp_path / "a.ecdc"), tags={"comment": "B" * 16_000})
    with pytest.raises(UsageError, match="more than 16384"):
        pipeline.encode(job, loader=lambda *_: pytest.fail("nothing is to be loaded for it"))
    assert list(tmp_path.iterdir()) == [source]


def test_tags_travel(tmp_path: Path, small_model: LoadedModel) -> None:
    source = tmp_path / "a.flac"
    with soundfile.SoundFile(source, "w", 24_000, 1) as file:
        file.title, file.artist, file.comment = "Ärger", "Someone", "gone"
        file.write(np.zeros(5000))
    tags = {"date": "1961", "comment": ""}
    encode(small_model, str(source), tmp_path / "a.ecdc", tags=tags)
    expected = {"title": "Ärger", "artist": "Someone", "date": "1961"}
    with (tmp_path / "a.ecdc").open("rb") as stream:
        reader = Reader(stream)
        list(reader)
        assert reader.tags == expected
    for suffix in ("flac", "wav"):
        back = tmp_path / f"back.{suffix}"
        pipeline.decode(DecodeJob(str(tmp_path / "a.ecdc"), str(back)), loader=lambda *_: small_model)
        with soundfile.SoundFile(back) as file:
            assert (file.title, file.artist, file.date) == ("Ärger", "Someone", "1961")

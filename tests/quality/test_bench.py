"""The bench measures what it names, on any model; how fast is not for tests to say."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from codectool.cli import cli
from codectool.errors import UsageError
from codectool.models.registry import MODELS
from codectool.models.spectral import build
from codectool.quality import bench
from codectool.quality.bench import BenchJob, BenchResult
from tests.small_models import SHAPE, model_of

WITHOUT_UNIT = {"model", "device", "engine", "precision", "threads", "joined_blocks", "levels"}


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The processes it would have started, which take too long for a test."""
    commands: list[tuple[str, ...]] = []
    monkeypatch.setattr(bench, "LATENCY_FRAMES", 20)
    monkeypatch.setattr(bench, "_run", lambda job, *arguments: commands.append(arguments) or "2048")
    return commands


def test_every_figure_is_there_and_positive(small_weights: Path, started: list[tuple[str, ...]]) -> None:
    result = bench.bench(BenchJob(weights=small_weights, duration_s=1, rounds=3, levels=16, threads=2))
    assert result.facts["threads"] == 2
    for name, value in result.facts.items():
        if name not in WITHOUT_UNIT:
            assert isinstance(value, int | float)
            assert value > 0, name
            assert name.endswith(("_s", "_mib", "_times_real_time", "_p50", "_p99")), name
    assert {"frame_encode_ms_p99", "encode_times_real_time"} <= result.facts.keys()
    assert set(result.encode_split_ms) == {"read_and_mix", "resample", "network", "rvq", "container"}
    assert set(result.decode_split_ms) == {"container", "network", "resample", "write"}
    assert all(ms > 0 for split in (result.encode_split_ms, result.decode_split_ms) for ms in split.values())
    without = [command for command in started if str(small_weights) not in command]
    assert without == []  # of processes that time something else


def test_a_model_of_two_channels_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"sample_rate_hz": 48_000, "channels": 2, "hop_samples": 640}
    entry = replace(MODELS["base_24khz"], name="small_stereo", **facts)
    model = model_of(build(replace(SHAPE, **facts)), entry)
    monkeypatch.setitem(MODELS, entry.name, entry)
    monkeypatch.setattr(bench, "load", lambda *_: model)
    result = bench.bench(BenchJob(model=entry.name, duration_s=1, rounds=1, levels=2))
    assert result.facts["file_encode_times_real_time"] > 0
    assert all(ms > 0 for ms in result.decode_split_ms.values())


def test_the_command_prints_lines_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[BenchJob] = []
    found = BenchResult({"model": "base_24khz", "audio_s": 2.0}, {"network": 3.0, "rvq": 1.0}, {"write": 2.0})
    monkeypatch.setattr(bench, "bench", lambda job: (jobs.append(job), found)[1])
    arguments = ["bench", "--seconds", "2", "--threads", "3", "--precision", "float32"]
    lines = CliRunner().invoke(cli, arguments, catch_exceptions=False).stdout.splitlines()
    assert "█" in lines[3]  # a bar beside the number
    assert [line.rstrip("█▏▎▍▌▋▊▉ ").split() for line in lines] == [
        ["model", "base_24khz"],
        ["audio", "s", "2"],
        ["encode,", "ms", "a", "second", "of", "audio:"],
        ["network", "3.000", "75", "%"],
        ["rvq", "1.000", "25", "%"],
        ["decode,", "ms", "a", "second", "of", "audio:"],
        ["write", "2.000", "100", "%"],
    ]
    assert jobs == [BenchJob(duration_s=2, threads=3, precision="float32")]
    text = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False).stdout
    assert json.loads(text) == asdict(found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_s": 0.5},
        {"duration_s": math.nan},
        {"rounds": 0},
        {"levels": 33},
        {"model": "nobody"},
        {"model": "encodec_48khz"},
    ],
)
def test_what_cannot_be_measured_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        bench.bench(BenchJob(**wrong))  # type: ignore[arg-type]

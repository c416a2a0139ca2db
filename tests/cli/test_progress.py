"""Progress on a terminal: per cent and time left where the length is known, in 60 columns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import RATE_HZ, Ran

Codec = Callable[..., Ran]


def shown(ran: Ran) -> list[str]:
    """Return every state of the bar."""
    return [
        line
        for line in ran.stderr.replace("\r", "\n").splitlines()
        if line and not line.startswith("codec: ")
    ]


def test_one_file(codec: Codec, write_wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav("a_name_of_more_than_20_letters.wav", samples=40 * RATE_HZ)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for command in (
        ("encode", "a_name_of_more_than_20_letters.wav", "out.ecdc"),
        ("decode", "out.ecdc", "out.wav"),
        ("decode", "out.ecdc", "part.wav", "--start", "10", "--duration", "20"),
    ):
        lines = shown(codec(*command))
        total = "20" if "part.wav" in command else "40"
        assert any(f" of {total} s, " in line and "left" in line for line in lines)
        assert max(map(len, lines)) <= 60
    assert shown(codec("encode", "-f", "out.wav", "out.ecdc", "-q")) == []


def test_a_long_file_of_a_folder_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from codectool.batch import Outcome, Report, Status
    from codectool.cli.folders import _shown

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report = Report()
    with _shown(report, 2, False, False) as (record, move):
        move(36.0)
        assert "0 of 2 files, 0.01 h of audio, " in capsys.readouterr().err
        record(Outcome("a", "b", Status.DONE, 36.0, 100))
        move(36.0)
        assert "1 of 2 files, 0.02 h of audio, " in capsys.readouterr().err


@pytest.mark.parametrize("quiet", [False, True])
def test_a_folder_is_told_once_of_the_model_that_keeps_stereo(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    from codectool.batch import Outcome, Plan, Report, Status
    from codectool.cli.folders import _say_summary

    report = Report()
    for name in ("a.wav", "b.wav"):
        report.add(Outcome(name, "b", Status.DONE, 1.0, 100, loses_stereo=True))
    _say_summary(report, Plan(()), quiet)
    told = "codec: recordings in stereo mixed to mono: 2 (--model base_48khz keeps both)"
    assert capsys.readouterr().err.splitlines()[1:] == ([] if quiet else [told])


def test_workers_tell_how_far_a_file_has_come(
    write_wav: Callable[..., Path], folder: Path, small_weights: Path
) -> None:
    from codectool.batch.worker import Coder
    from codectool.pipeline import EncodeJob

    write_wav(samples=70 * RATE_HZ)
    told: list[float] = []
    (outcome,) = Coder(told.append).outcomes_of((EncodeJob("in.wav", "out.ecdc", weights=small_weights),))
    assert outcome.error is None
    assert told == sorted(told)
    assert told[-1] == 70.0

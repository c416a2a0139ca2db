"""Counting, exit codes and lines of JSON."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace

import pytest

from codectool.batch import Outcome, Report, Status

DONE = Outcome("in/a.wav", "out/a.ecdc", Status.DONE, 8.0, 6000, notes=("mixed",))
FAILED = Outcome("in/b.wav", "out/b.ecdc", Status.FAILED, error="in/b.wav: is empty")


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], 0),
        ([Status.DONE, Status.SKIPPED, Status.PLANNED], 0),
        ([Status.DONE, Status.FAILED, Status.DONE], 1),
        ([Status.DAMAGED], 1),
    ],
)
def test_the_exit_code(statuses: list[Status], code: int) -> None:
    report = Report()
    for status in statuses:
        report.add(Outcome("a", "b", status))
    assert report.exit_code == code


def test_recordings_in_stereo_that_another_model_would_keep_are_counted() -> None:
    report = Report()
    for loses_stereo in (True, False):
        report.add(replace(DONE, loses_stereo=loses_stereo))
    assert report.mixed_files == 1


def test_lines() -> None:
    lines = io.BytesIO()
    report = Report(lines)
    report.add(DONE)
    report.add(FAILED)
    assert [json.loads(line) for line in lines.getvalue().splitlines()] == [
        {
            "path": "in/a.wav",
            "output": "out/a.ecdc",
            "status": "done",
            "seconds": 8.0,
            "bytes": 6000,
            "kbps": 6.0,
            "error": None,
            "notes": ["mixed"],
            "warnings": [],
        },
        {
            "path": "in/b.wav",
            "output": "out/b.ecdc",
            "status": "failed",
            "seconds": None,
            "bytes": None,
            "kbps": None,
            "error": "in/b.wav: is empty",
            "notes": [],
            "warnings": [],
        },
    ]


def test_names_need_not_be_text() -> None:
    name = os.fsdecode(b"in/\xff\n.wav")
    line = Outcome(name, "out", Status.DONE).line()
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["path"] == name


def test_the_summary() -> None:
    report = Report()
    assert report.summary() == "files: 0 done, 0 skipped, 0 failed"
    report.add(DONE)
    report.add(replace(DONE, warnings=("cut",)))
    report.add(FAILED)
    summary = report.summary()
    assert summary.startswith("files: 2 done, 0 skipped, 1 failed; 16.0 s of audio, ")
    assert "times real time; 12000 bytes coded, 6.00 kbps; warnings of 1" in summary


def test_audio_of_no_length_has_no_rate() -> None:
    assert Outcome("a", "b", Status.DONE, 0.0, 60).kbps is None

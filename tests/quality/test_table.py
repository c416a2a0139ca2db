"""Grouping measurements, means over what is there, and how reports show them."""

from __future__ import annotations

import json

import pytest

from codectool.errors import CodecError, DataError
from codectool.quality.report import REMINDER, Failure, Report
from codectool.quality.table import Mean, Measurement, layout, mean, tabulate


def measured(kind, codec="opus", rate_bps=6000, name="a.wav", notes=(), **scores):
    return Measurement(name, kind, 2.0, scores, notes, codec, rate_bps, bytes_written=1600)


def report(*measurements, failures=(), notes=()):
    return Report(measurements, failures, notes, {"cpu": "abacus", "cores": "1"})


def test_a_mean_counts_what_it_rests_on():
    assert mean([1.0, None, 3.0]) == Mean(2.0, 2)
    assert mean([None]) == Mean(None, 0)


def test_rows_are_by_kind_then_codec_as_it_came_then_rate():
    rows = tabulate(
        [
            measured("zoo"),
            measured("other", rate_bps=12_000),
            measured("other", codec="mp3"),
            measured("other"),
            measured("speech"),
            measured("music"),
        ]
    )
    assert [(row.kind, row.codec, row.nominal_bps) for row in rows] == [
        ("speech", "opus", 6000),
        ("music", "opus", 6000),
        ("other", "opus", 6000),
        ("other", "opus", 12_000),
        ("other", "mp3", 6000),
        ("zoo", "opus", 6000),
    ]


def test_the_actual_rate_is_all_bits_over_all_seconds():
    (row,) = tabulate(
        [
            Measurement("a", "speech", 1.0, {}, codec="opus", nominal_bps=6000, bytes_written=1000),
            Measurement("b", "speech", 3.0, {}, codec="opus", nominal_bps=6000, bytes_written=2000),
        ]
    )
    assert row.actual_bps == 6000.0


def test_a_table_shows_how_many_values_a_mean_rests_on():
    rows = tabulate(
        [
            measured("speech", pesq_wb=2.0, stoi=None, si_sdr_db=5.0),
            measured("speech", pesq_wb=None, stoi=None, si_sdr_db=6.0),
        ]
    )
    head, line = layout(rows).splitlines()
    assert head.split() == ["codec", "kbps", "actual", "kind", "n", "PESQ-wb", "STOI", "SI-SDR", "dB"]
    assert line.split() == ["opus", "6", "6.40", "speech", "2", "2.00", "(1)", "none", "5.5"]


def test_a_table_of_pairs_has_no_codec_columns():
    pair = Measurement("a.wav", "speech", 2.0, {"si_sdr_db": 5.0})
    assert layout(tabulate([pair, pair])).split() == ["kind", "n", "SI-SDR", "dB", "speech", "2", "5.0"]


def test_a_report_explains_its_table_and_reminds_of_ears():
    text = report(measured("music", pesq_wb=None), measured("music", pesq_wb=2.0)).text()
    assert "Made for speech" in text
    assert "(k)" in text
    assert text.endswith(REMINDER)


def test_one_pair_is_a_list():
    pair = Measurement("a.wav", "speech", 2.0, {"pesq_wb": None, "si_sdr_db": 5.0})
    assert report(pair).text().splitlines() == ["PESQ-wb    none", "SI-SDR dB  5.0"]


def test_json_has_the_table_the_files_and_the_failures():
    failed = Failure("b.wav", DataError("b.wav: is not audio"))
    found = json.loads(report(measured("speech", si_sdr_db=1 / 3), failures=[failed]).json())
    assert found["machine"]["cpu"] == "abacus"
    assert found["table"][0]["means"] == {"si_sdr_db": {"value": 0.3333, "count": 1}}
    assert found["files"][0]["actual_bps"] == 6400.0
    assert found["failures"] == [{"name": "b.wav", "reason": "b.wav: is not audio"}]


def test_csv_begins_with_the_machine():
    lines = report(measured("speech", si_sdr_db=5.0), measured("speech", si_sdr_db=None)).csv().splitlines()
    assert lines == [
        "# cpu: abacus",
        "# cores: 1",
        "codec,nominal_kbps,actual_kbps,kind,files,si_sdr_db,si_sdr_db_count",
        "opus,6.0,6.4,speech,2,5.0,1",
    ]


def test_remarks_that_files_share_are_said_once():
    shared = [measured("speech", notes=("late",)), measured("speech", notes=("late",)), measured("speech")]
    failures = [Failure(name, CodecError("broken")) for name in ("a", "b", "c")]
    found = report(*shared, failures=failures, notes=("first",))
    assert found.remarks() == ["first", "late (2 of 3)"]
    assert found.complaints() == ["not scored: a and 2 more: broken"]


def test_failures_make_the_whole_fail():
    report(measured("speech")).raise_for_failures()
    with pytest.raises(CodecError, match="1 of 2"):
        report(measured("speech"), failures=[Failure("b", CodecError("broken"))]).raise_for_failures()

"""Tables of what listeners said, with their intervals."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from codectool.cli.listen import listen
from codectool.errors import DataError, FileError
from codectool.quality.ratings import (
    guessing_probability,
    mean_interval,
    read_ratings,
    share_interval,
    student_quantile,
    summarise,
    unreliable_listeners,
)

HEAD = "page,listener,test,recording,trial,condition,kbps,value\r\n"


def blind(listener: str, original: int, coded: int, recording: str = "a.wav") -> str:
    start = f"0011aabb,{listener},mushra,{recording},1"
    return f"{start},Original,,{original}\r\n{start},base_24khz 6 kbps,6.18,{coded}\r\n"


@pytest.fixture
def results(tmp_path):
    def write(name: str, lines: str):
        path = tmp_path / name
        path.write_text(HEAD + lines, newline="")
        return path

    return write


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (60, 2.000)])
def test_quantiles_are_those_of_the_tables(freedom, t):
    assert student_quantile(freedom) == pytest.approx(t, abs=5e-4)


def test_intervals_and_probabilities():
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3 - 1.9633, 3 + 1.9633), abs=1e-3)
    assert mean_interval([7]) == (7, 7)
    assert share_interval(9, 10) == pytest.approx((0.596, 0.982), abs=1e-3)
    assert guessing_probability(9, 10) == pytest.approx(11 / 1024)
    assert guessing_probability(0, 10) == 1


def test_the_table_of_a_blind_test(results):
    files = [results(f"{name}.csv", blind(name, 100, value)) for name, value in (("ann", 70), ("bob", 80))]
    lines = summarise(read_ratings(files)).splitlines()
    assert lines[0] == "Blind test: 2 listeners, 1 recordings"
    assert lines[2].split()[:4] == ["Original", "2", "100.0", "100.0"]
    assert lines[3].split()[:8] == ["base_24khz", "6", "kbps", "6.18", "2", "75.0", "11.5", "to"]


def test_the_same_file_twice_counts_once(results):
    path = results("a.csv", blind("ann", 100, 70))
    assert len(read_ratings([path, path])) == 2


def test_who_misses_the_reference_is_left_out_and_named(results):
    files = [results("a.csv", blind("ann", 100, 70)), results("b.csv", blind("bob", 40, 90))]
    ratings = read_ratings(files)
    assert unreliable_listeners(ratings) == {"bob"}
    text = summarise(ratings)
    assert "under 90: bob" in text
    assert "1 listeners" in text
    assert "all rated" in summarise(read_ratings(files[1:]))


def test_the_table_of_abx(results):
    start = "0011aabb,ann,abx,a.wav"
    lines = "".join(f"{start},{n},Original | base_24khz 6 kbps,6.18,{int(n > 1)}\r\n" for n in range(1, 11))
    text = summarise(read_ratings([results("abx.csv", lines)]))
    assert text.splitlines()[2].split()[5:] == ["10", "90", "%", "60", "to", "98", "%", "0.0107"]


def test_names_cannot_steer_a_terminal(results):
    text = summarise(read_ratings([results("a.csv", blind("\x1b[31mann", 10, 20))]))
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "lines",
    ["0011aabb,ann,mushra,a.wav,1,Original,,101\r\n", "x,ann,abx,a.wav,1,A | B,,nan\r\n", "x,ann\r\n", '"'],
)
def test_other_files_are_refused_by_name(results, lines):
    with pytest.raises(DataError, match="bad"):
        read_ratings([results("bad.csv", lines)])


def test_the_command_prints_the_table_and_names_a_missing_file(results, tmp_path):
    done = CliRunner().invoke(listen, ["--results", str(results("a.csv", blind("ann", 100, 70)))])
    assert "Blind test: 1 listeners" in done.output
    done = CliRunner().invoke(listen, ["--results", str(tmp_path / "none.csv")])
    assert isinstance(done.exception, FileError)

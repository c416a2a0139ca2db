"""`codec eval` from its arguments to its output, with a codec and metrics that cost nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from codectool.cli.eval import eval_command
from codectool.cli.words import in_options
from codectool.errors import CodecError, DataError, FileError, UsageError, WeightsError
from codectool.quality import codecs, job, sweep
from codectool.quality.codecs import Trip
from codectool.quality.metrics import METRICS, pesq_wb

RATE_HZ = 16_000
CHEAP = ("si_sdr_db", "mel_distance_db")


@dataclass(frozen=True)
class Halver:
    """A codec that halves the level, keeps everything else and writes 1000 bytes."""

    name: str = "halver"
    rates_bps: tuple[int, ...] = (8000, 16_000)
    compensates_delay: bool = True
    error: CodecError | None = None
    absent: str | None = None

    def missing(self):
        return self.absent

    def version(self):
        return "halver 1"

    def roundtrip(self, source, rate_bps, workdir):
        if self.error and rate_bps > 8000:
            raise self.error
        signal, rate_hz = soundfile.read(source)
        soundfile.write(workdir / "half.wav", signal / 2, rate_hz, subtype="FLOAT")
        return Trip(workdir / "half.wav", 1000)


@pytest.fixture(autouse=True)
def cheap_metrics(monkeypatch):
    monkeypatch.setattr(job, "available_metrics", lambda _: (CHEAP, ("PESQ-wb left out: no package",)))
    monkeypatch.setitem(codecs.PEERS, "halver", Halver())


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(3)
    for kind in ("speech", "music"):
        (tmp_path / "eval" / kind).mkdir(parents=True)
        noise = 0.1 * rng.standard_normal(RATE_HZ)
        soundfile.write(tmp_path / "eval" / kind / "a.wav", noise, RATE_HZ)
    return tmp_path / "eval"


def run(*arguments):
    return CliRunner().invoke(eval_command, [str(argument) for argument in arguments])


def test_a_pair_of_files(recordings):
    path = recordings / "speech" / "a.wav"
    result = run(path, path)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["SI-SDR dB  100.0", "mel dB     0.00"]
    assert "PESQ-wb left out" in result.stderr
    assert run(path, path, "-q").stderr == ""


def test_a_pair_of_folders(recordings, tmp_path):
    (tmp_path / "decoded" / "speech").mkdir(parents=True)
    (tmp_path / "decoded" / "speech" / "a.flac").symlink_to(recordings / "speech" / "a.wav")
    result = run(recordings, tmp_path / "decoded", "--json")
    assert [file["name"] for file in json.loads(result.stdout)["files"]] == ["speech/a.wav"]
    assert "not scored: music/a: no decoded file" in result.stderr
    assert isinstance(result.exception, CodecError)


def test_a_table_of_codecs_with_its_csv(recordings, tmp_path):
    result = run(recordings, "--against", "halver", "--csv", tmp_path / "table.csv")
    assert result.exit_code == 0, result.exception
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[1] == ["halver", "8", "8.00", "speech", "1", "100.0", "6.02"]
    assert [line[1] for line in lines[1:5]] == ["8", "16", "8", "16"]
    table = (tmp_path / "table.csv").read_text().splitlines()
    assert "# halver: halver 1" in table
    assert table[-1].startswith("halver,16.0,8.0,music,1,100.0,1,6.0")
    assert not any(str(tmp_path) in line for line in table)


def test_several_processes_give_the_same_table(recordings):
    arguments = (recordings, "--against", "halver", "--json", "-q")
    assert run(*arguments, "--jobs", 2).stdout == run(*arguments).stdout


def test_references_are_brought_to_a_rate_when_asked(recordings):
    noise = 0.1 * np.random.default_rng(4).standard_normal(48_000)
    soundfile.write(recordings / "music" / "a.wav", noise, 48_000)  # of which 24 kHz can hold a half
    fidelity_db = []
    for asked in ((), ("--reference-rate", 24_000)):
        result = run("--against", "uncoded", "--json", "-q", *asked, recordings / "music")
        fidelity_db.append(json.loads(result.stdout)["files"][0]["scores"]["si_sdr_db"])
    assert fidelity_db[0] < 1 < 40 < fidelity_db[1]


def test_two_channels_are_kept_when_asked(monkeypatch, recordings):
    keys = (*CHEAP, "side_level_error_db", "equal_channels")
    monkeypatch.setattr(job, "available_metrics", lambda _: (keys, ()))
    left, right = 0.1 * np.random.default_rng(5).standard_normal((2, RATE_HZ))
    soundfile.write(recordings / "music" / "b.wav", np.stack([left, right], axis=1), RATE_HZ)
    soundfile.write(recordings / "music" / "c.wav", np.stack([left, left], axis=1), RATE_HZ)
    result = run(recordings / "music", "--against", "halver,uncoded", "--stereo", "--json")
    scores = {(one["name"], one["codec"]): one["scores"] for one in json.loads(result.stdout)["files"]}
    assert "side_level_error_db" not in scores["a.wav", "halver"]
    assert scores["b.wav", "halver"]["side_level_error_db"] == 0.0
    assert scores["b.wav", "uncoded"]["side_level_error_db"] == 40.0  # it is mono
    assert [scores["c.wav", name]["equal_channels"] for name in ("halver", "uncoded")] == [1.0, 1.0]
    assert "the decoded audio is mono, and taken for both channels" in result.stderr
    mono, stereo = (
        run(recordings / "music", "--against", "halver", *asked).stdout for asked in ((), ("--stereo",))
    )
    assert "side" not in mono
    assert "side-to-mid level" in stereo


def test_a_pair_in_stereo(monkeypatch, tmp_path):
    monkeypatch.setattr(job, "available_metrics", lambda _: ((*CHEAP, "side_level_error_max_db"), ()))
    left, right = 0.1 * np.random.default_rng(5).standard_normal((2, RATE_HZ))
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", np.stack([left, left], axis=1), RATE_HZ, subtype="FLOAT")
    lines = run(tmp_path / "a.wav", tmp_path / "b.wav", "--stereo").stdout.splitlines()
    assert lines[-1].split() == ["side", "max", "dB", "40.0"]


def test_a_codec_failure_is_told_and_the_rest_goes_on(monkeypatch, recordings):
    monkeypatch.setitem(codecs.PEERS, "halver", Halver(error=DataError("too loud")))
    result = run(recordings, "--against", "halver")
    assert "not scored: music/a.wav (halver, 16 kbps) and 1 more: too loud" in result.stderr
    assert "speech" in result.stdout
    assert isinstance(result.exception, CodecError)


def test_missing_weights_end_it_at_once(monkeypatch, recordings):
    monkeypatch.setitem(codecs.PEERS, "halver", Halver(error=WeightsError("none here")))
    assert isinstance(run(recordings, "--against", "halver").exception, WeightsError)


def test_a_codec_that_is_not_installed_is_left_out(monkeypatch, recordings):
    monkeypatch.setitem(codecs.PEERS, "absent", Halver(absent="absentenc"))
    result = run(recordings, "--against", "halver,absent")
    assert result.exit_code == 0
    assert "left out: no command absentenc" in result.stderr
    assert "left out: no command absentenc" in run(recordings, "--against", "halver,absent", "-q").stderr
    assert isinstance(run(recordings, "--against", "absent").exception, UsageError)


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_recordings_of_a_few_samples_end_nothing(recordings, samples):
    soundfile.write(recordings / "speech" / "short.wav", np.full(samples, 0.1), 44_100)
    result = run(recordings, "--against", "halver", "--json")
    assert result.exit_code == 0, result.exception
    assert len(json.loads(result.stdout)["files"]) == 6


def test_a_fault_in_a_metric_costs_one_measurement(monkeypatch, recordings):
    def fail(pair, *_):
        raise RuntimeError("boom")

    monkeypatch.setattr(sweep, "score_channels", fail)
    result = run(recordings, "--against", "halver")
    assert isinstance(result.exception, CodecError)
    assert "could not be scored: RuntimeError: boom" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["."], UsageError, "a reference and its decoded version"),
        (["a", "b", "c"], UsageError, "a reference and its decoded version"),
        (["nowhere.wav", "."], FileError, "nowhere.wav"),
        ([".", "pyproject.toml"], UsageError, "two files or two folders"),
        ([".", ".", "--model", "x"], UsageError, "--model"),
        ([".", "--rates", "6", "--align"], UsageError, "--align"),
        ([".", ".", "--reference-rate", "24000"], UsageError, "--reference-rate"),
        ([".", "--rates", "6", "--reference-rate", "300"], UsageError, "--reference-rate 300"),
        ([".", "--against", "opus", "--csv", ".", "-f"], FileError, "is a folder"),
        ([".", "--rates", "six"], UsageError, "1.5,3,6"),
        ([".", "--rates", "-1"], UsageError, "1.5,3,6"),
        ([".", "--rates", "inf"], UsageError, "1.5,3,6"),
        ([".", "--rates", "6", "--weights", "nowhere"], FileError, "nowhere"),
        ([".", "--rates", "6", "--model", "wax"], UsageError, "wax"),
        ([".", "--against", "wax"], UsageError, "known are opus, mp3"),
        ([".", "--against", "opus", "--jobs", "0"], UsageError, "--jobs"),
        ([".", "--against", "opus", "--csv", "pyproject.toml"], FileError, "-f"),
        ([".", "--against", "opus", "--csv", "nowhere/t.csv"], FileError, "no such folder"),
        ([".", "--against", "opus", "--plot", "t.txt"], UsageError, "ends in .png"),
    ],
)
def test_impossible_requests_are_refused_in_words(monkeypatch, tmp_path, arguments, kind, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    result = run(*arguments)
    assert type(result.exception) is kind
    assert words in in_options(str(result.exception))


def test_no_path_is_a_usage_error():
    assert run().exit_code == UsageError.exit_code


def test_a_plot_is_drawn(recordings, tmp_path):
    pytest.importorskip("matplotlib")
    result = run(recordings, "--against", "halver", "--plot", tmp_path / "curves.png")
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_of_what_is_not_coded_stays_readable():
    pytest.importorskip("matplotlib")
    from codectool.quality.plot import draw_figure
    from codectool.quality.table import Mean, Row

    means = {metric.key: Mean(3.0, 1) for metric in METRICS}
    rates = {"halver": (6000, 12_000), "uncoded": (384_000,)}
    rows = [Row(name, bps, bps, "speech", 1, means) for name, all_bps in rates.items() for bps in all_bps]
    panel = draw_figure(rows).axes[0]
    assert panel.get_xscale() == "log"
    assert panel.get_xlim()[1] < 50
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["halver", "uncoded"]


def test_pesq_of_a_sample_that_resampling_takes_away():
    pytest.importorskip("pesq")
    one = np.full(1, 0.1, np.float32)
    assert pesq_wb(one, one, 44_100) is None

"""What `codec listen` puts into a page, with a small model and no browser."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from safetensors.numpy import load_file

from codectool.cli.listen import listen
from codectool.cli.words import in_options
from codectool.errors import DataError, FileError, UsageError
from codectool.models.registry import find
from codectool.quality import codecs, listening
from codectool.quality.excerpts import Excerpt, low_pass_anchor, read_excerpt
from codectool.quality.levels import shades_of, usual_levels
from codectool.quality.listening import ListenJob, make_page
from codectool.quality.page import assemble
from tests.quality.test_eval_command import Halver

RATE_HZ = 16_000


def facts_of(path):
    data = re.search(rb'<script type="application/json" id="data">(.*?)</script>', path.read_bytes(), re.S)
    return json.loads(data[1])


@pytest.fixture
def recording(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((2 * RATE_HZ, 2))
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise, RATE_HZ)
    return path


@pytest.fixture
def page(recording, small_weights, monkeypatch):
    monkeypatch.setitem(codecs.PEERS, "halver", Halver(rates_bps=(8000,)))
    target = recording.with_name("page.html")
    job = ListenJob(
        (recording,), target, "1.5,6", "halver", weights=small_weights, duration_s=1.5, scores="none"
    )
    make_page(job)
    return target


def test_the_versions_are_in_step_and_equally_loud(page):
    (recording,) = facts_of(page)["recordings"]
    kinds = [version["kind"] for version in recording["versions"]]
    assert kinds == ["original", "anchor", "model", "model", "peer"]
    sounds = [
        soundfile.read(io.BytesIO(base64.b64decode(version["flac"]))) for version in recording["versions"]
    ]
    assert {(len(sound), rate_hz) for sound, rate_hz in sounds} == {(72_000, 48_000)}
    halved = recording["versions"][-1]
    assert halved["gain_db"] == pytest.approx(6.02, abs=0.01)
    difference = sounds[0][0] - sounds[-1][0] * 10 ** (halved["gain_db"] / 20)
    assert np.abs(difference).max() < 1e-4


def test_the_codes_are_those_of_the_recording(page, recording, small_model, tmp_path):
    from codectool.quality.levels import encode_all_levels, read_codes

    facts = facts_of(page)["recordings"][0]
    excerpt = read_excerpt(recording, "noise.wav", 0, 1.5, 1)
    soundfile.write(tmp_path / "again.wav", excerpt.audio.T, RATE_HZ, subtype="PCM_24")
    codes = read_codes(encode_all_levels(tmp_path / "again.wav", small_model))
    assert facts["frames"] == codes.shape[1]
    assert base64.b64decode(facts["codes"]) == codes.astype("<u2").tobytes()
    assert len(base64.b64decode(facts["shades"])) == codes.size


def test_bytes_are_those_of_files_and_errors_are_measured(page):
    facts = facts_of(page)["recordings"][0]
    two, eight = (version for version in facts["versions"] if version["kind"] == "model")
    assert (two["levels"], two["nominal_bps"], two["label"]) == (2, 1500, "1.5 kbps")
    assert two["bytes"] + 6 * 112 * 10 / 8 == pytest.approx(
        eight["bytes"], abs=20
    )  # six levels of 113 frames
    assert {2, 8, 32} <= {point["levels"] for point in facts["curve"]}
    assert facts["pcm_bytes"] == 2 * 1.5 * RATE_HZ


def test_scores_stand_beside_each_version(recording, small_weights, monkeypatch):
    monkeypatch.setattr(listening, "available_metrics", lambda: (("si_sdr_db",), ("PESQ-wb left out",)))
    target = recording.with_name("scored.html")
    result = make_page(ListenJob((recording,), target, "6", weights=small_weights, duration_s=1))
    facts = facts_of(target)
    assert list(facts["recordings"][0]["versions"][2]["scores"]) == ["si_sdr_db"]
    assert facts["notes"] == list(result.notes) == ["PESQ-wb left out"]


def test_excerpts_begin_and_end_where_asked(recording):
    whole, rate_hz = soundfile.read(recording, dtype="float32")
    excerpt = read_excerpt(recording, "noise.wav", 0.5, 1.0, 2)
    assert np.array_equal(excerpt.audio.T, whole[rate_hz // 2 : 3 * rate_hz // 2])
    with pytest.raises(DataError, match=r"lasts 2\.00 s"):
        read_excerpt(recording, "noise.wav", 5, 1, 2)


def test_the_anchor_has_nothing_above_its_edge():
    noise = np.random.default_rng(1).standard_normal((1, 48_000)).astype(np.float32)
    power = np.abs(np.fft.rfft(low_pass_anchor(Excerpt("n", noise, 48_000))[0])) ** 2
    hz = np.fft.rfftfreq(48_000, 1 / 48_000)
    reference = np.abs(np.fft.rfft(noise[0])) ** 2
    assert 10 * np.log10(power[hz < 3400].sum() / reference[hz < 3400].sum()) == pytest.approx(0, abs=0.1)
    assert 10 * np.log10(power[hz > 4050].sum() / reference[hz > 4050].sum()) < -40


def test_similar_codes_have_similar_shades(small_weights):
    codes = np.random.default_rng(2).integers(0, 1024, (32, 500)).astype(np.uint16)
    entry = find("base_24khz")
    shades = shades_of(codes, entry, small_weights)
    assert (shades.min(), shades.max()) == (0, 255)
    for level, codebook in enumerate(load_file(small_weights)["quantizer.codebooks"].astype(np.float64)):
        entries = codebook[codes[level]]
        order = np.argsort(shades[level], kind="stable")
        steps = np.linalg.norm(np.diff(entries[order], axis=0), axis=1).mean()
        assert steps < 0.97 * np.linalg.norm(np.diff(entries, axis=0), axis=1).mean()
    scattered = shades_of(codes, entry, small_weights.with_name("none"))
    assert len({*scattered[0, codes[0] == codes[0, 0]]}) == 1  # equal codes, equal shades


def test_the_dial_has_stops_that_double():
    assert usual_levels(find("base_24khz")) == (1, 2, 4, 8, 16, 32)
    assert usual_levels(find("encodec_32khz")) == (1, 2, 4)


def test_text_cannot_leave_its_place():
    evil = "</script><script>alert(1)</script>\u2028<!--@SCRIPT@"
    page = assemble({"recordings": [{"name": evil}], "number": 1 / 3}).decode()
    assert page.count("<script") == 3
    assert "\u2028" not in page
    data = re.search(r'id="data">(.*?)</script>', page)[1]
    assert json.loads(data) == {"recordings": [{"name": evil}], "number": 0.3333}


def test_the_policy_names_what_is_in_the_page():
    page = assemble({}).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href|action)=\"(?!#|data:,)", page)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["none.wav"], FileError, "none.wav"),
        (["noise.wav", "--rates", "99"], UsageError, "99 kbps"),
        (["noise.wav", "--duration", "90"], UsageError, "60 s"),
        (["noise.wav", "--start", "-1"], UsageError, "--start"),
        (["noise.wav", "--against", "gsm"], UsageError, "opus"),
        (["noise.wav", "-o", "noise.wav"], FileError, "-f"),
    ],
)
def test_what_cannot_be_is_refused_in_words(recording, monkeypatch, arguments, kind, words):
    monkeypatch.chdir(recording.parent)
    error = CliRunner().invoke(listen, arguments).exception
    assert isinstance(error, kind)
    assert words in in_options(str(error))
    assert sorted(path.name for path in recording.parent.iterdir()) == ["noise.wav"]

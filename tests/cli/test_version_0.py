"""EnCodec's own files on the command line, as far as that needs no network; tests/peers has the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.batch import BatchJob, Item, Status
from codectool.batch.resume import Resumer
from codectool.container import HeaderV0
from codectool.pipeline import EncodeJob
from tests.cli.conftest import Ran
from tests.container.samples_v0 import ToyPredictor, make_codes_v0, make_file_v0

Codec = Callable[..., Ran]
USAGE, DATA, WEIGHTS = 2, 3, 5
HEADER = HeaderV0("encodec_24khz", 48_000, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--container v0", "version 0 files are for encodec_24khz and encodec_48khz, not for base_24khz"),
        ("--lm lm.th", "a language model is for version 0 files only: add --container v0"),
        ("--container v0 --model encodec_32khz", "not for encodec_32khz"),
        ("--container v0 --model encodec_24khz --low-latency", "have no packets to be shorter"),
        ("--container v0 --model encodec_24khz --channels keep", "keep no channels apart"),
        ("--container v2", "v2"),
    ],
)
def test_what_cannot_be_asked_for(
    codec: Codec, write_wav: Callable[..., Path], options: str, message: str
) -> None:
    ran = codec("encode", write_wav(channels=2), "out.ecdc", *options.split())
    assert ran.code == USAGE
    assert message in ran.complaint()
    assert not Path("out.ecdc").exists()


def test_info_and_verify_tell_a_cut(codec: Codec) -> None:
    data = make_file_v0(HEADER, make_codes_v0(HEADER))
    Path("whole.ecdc").write_bytes(data)
    Path("cut.ecdc").write_bytes(data[:-100])
    facts = json.loads(codec("info", "whole.ecdc", "--json").stdout)
    shown = facts["version"], facts["model"], facts["weights"], facts["duration_s"], facts["frames"]
    assert shown == (0, "encodec_24khz", None, 2.0, 150)
    assert (facts["nominal_bps"], facts["entropy_coded"], facts["complete"]) == (6000, False, True)
    ran = codec("info", "cut.ecdc", "--json")
    facts = json.loads(ran.stdout)
    assert (ran.code, facts["frames"], facts["complete"]) == (DATA, 140, False)
    assert codec("verify", "whole.ecdc", "cut.ecdc").code == DATA


def test_entropy_coded_files_need_their_language_model(codec: Codec) -> None:
    Path("in.ecdc").write_bytes(make_file_v0(HEADER, make_codes_v0(HEADER), predictor=ToyPredictor()))
    ran = codec("convert", "in.ecdc", "out.ecdc")
    assert ran.code == WEIGHTS
    assert "in.ecdc: is entropy-coded, and so needs the language model of encodec_24khz" in ran.complaint()
    assert not Path("out.ecdc").exists()


def test_a_folder_knows_its_version_0_files(folder: Path) -> None:
    soundfile.write("a.wav", np.zeros(HEADER.total_samples), HEADER.model_rate_hz)
    Path("a.ecdc").write_bytes(make_file_v0(HEADER, make_codes_v0(HEADER)))
    job = EncodeJob("in", "out", model="encodec_24khz", container="v0")
    item = Item("a.wav", "a.ecdc")
    for each, status in [
        (job, Status.SKIPPED),
        (replace(job, levels=2), Status.FAILED),
        (replace(job, container="v1"), Status.FAILED),
        (replace(job, language_model=Path("lm.th")), Status.FAILED),
    ]:
        outcome = Resumer(BatchJob(each)).outcome_of(item)
        assert outcome is not None
        assert outcome.status is status, outcome

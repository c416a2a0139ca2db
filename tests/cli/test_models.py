"""What models there are: the table, one at length, and all of it for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from codectool.models.registry import MODELS
from tests.cli.conftest import Ran

Codec = Callable[..., Ran]
WIDTH = 80
USAGE = 2


def test_the_table_fits_a_terminal(codec: Codec, cache: Path) -> None:
    ran = codec("models")
    assert ran.code == 0
    lines = ran.stdout.decode().splitlines()
    figures = lines[: lines.index("")]
    assert max(map(len, lines)) <= WIDTH
    assert [line.split()[0] for line in figures[2:]] == list(MODELS)
    by_name = {line.split()[0]: line.split()[1:] for line in figures[2:]}
    assert by_name["encodec_48khz"] == ["48", "2", "150", "16", "1.5-24", "no", "1", "s", "17.0", "M", "no"]
    assert by_name["base_24khz"][-1] == "here"
    assert "`codec models show NAME`" in lines[-1]


def test_one_model_is_told_at_length(codec: Codec, cache: Path) -> None:
    for entry in MODELS.values():
        ran = codec("models", "show", entry.name)
        assert ran.code == 0
        assert f"licence of the weights   {entry.licence}\n" in ran.stdout.decode()
    told = codec("models", "show", "encodec_24khz").stdout.decode()
    assert "tokens in 30 s           72000\n" in told
    assert "`codec models fetch encodec_24khz` downloads them" in told
    assert (
        "codes a recording as a whole, 60 s at most"
        in codec("models", "show", "encodec_32khz").stdout.decode()
    )
    assert json.loads(codec("models", "show", "encodec_32khz", "--json").stdout)["longest_s"] == 60
    assert codec("models", "show", "nobody").code == USAGE


def test_programs_get_all_of_it(codec: Codec, cache: Path) -> None:
    told = [json.loads(line) for line in codec("models", "--json").stdout.splitlines()]
    assert [facts["name"] for facts in told] == list(MODELS)
    facts = next(facts for facts in told if facts["name"] == "encodec_32khz")
    assert (facts["name"], facts["tokens_in_30_s"], facts["bits_a_token"]) == ("encodec_32khz", 6000, 11)
    assert (facts["latency_ms"], facts["longest_s"], facts["weights"]) == (None, 60, None)
    assert facts["bitrates_kbps"] == [0.55, 2.2]

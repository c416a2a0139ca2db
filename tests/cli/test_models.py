"""What models there are: the table, one at length, and all of it for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from codectool.models.absent import ABSENT
from codectool.models.registry import MODELS
from tests.cli.conftest import Ran

Codec = Callable[..., Ran]
WIDTH = 80
USAGE = 2


def test_the_table_fits_a_terminal(codec: Codec, cache: Path) -> None:
    ran = codec("models")
    assert ran.code == 0
    lines = ran.stdout.decode().splitlines()
    assert max(map(len, lines)) <= WIDTH
    sound, tokens = lines[: lines.index("")], lines[lines.index("") + 1 :]
    tokens = tokens[: tokens.index("")]
    for table in (sound, tokens):
        assert [line.split()[0] for line in table[2:]] == list(MODELS)
    sounds = {line.split()[0]: line.split()[1:] for line in sound[2:]}
    assert sounds["encodec_48khz"] == ["48", "2", "1.5-24", "no", "1", "s", "17.0", "M", "no", "MIT"]
    assert sounds["encodec_32khz"][-3:] == ["CC", "BY-NC", "4.0"]
    assert "here" in sounds["base_24khz"]
    of_tokens = {line.split()[0]: line.split()[1:] for line in tokens[2:]}
    assert of_tokens["mimi"] == ["12.5", "32", "11", "400", "12000", "semantic"]
    assert of_tokens["snac_24khz"] == ["11.7", "3", "12", "82", "2461"]
    assert "`codec models show NAME`" in lines[-1]


def test_codecs_that_are_not_here_say_why(codec: Codec, cache: Path) -> None:
    told = codec("models").stdout.decode()
    assert told.count("Not here:") == 1
    for name, why in ABSENT.items():
        assert f"\n{name} " in told
        ran = codec("models", "show", name)
        assert ran.code == USAGE
        assert why in ran.stderr


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
    lyra = codec("models", "show", "lyra_v2").stdout.decode()
    assert "`codec models fetch lyra_v2` downloads them, `codec models import` takes a folder of them" in lyra
    assert codec("models", "show", "nobody").code == USAGE


def test_programs_get_all_of_it(codec: Codec, cache: Path) -> None:
    told = [json.loads(line) for line in codec("models", "--json").stdout.splitlines()]
    assert [facts["name"] for facts in told] == list(MODELS)
    facts = next(facts for facts in told if facts["name"] == "encodec_32khz")
    assert (facts["name"], facts["tokens_in_30_s"], facts["bits_a_token"]) == ("encodec_32khz", 6000, 11)
    assert (facts["latency_ms"], facts["longest_s"], facts["weights"]) == (None, 60, None)
    assert facts["bitrates_kbps"] == [0.55, 2.2]

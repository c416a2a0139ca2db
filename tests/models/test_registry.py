"""What entries say of themselves, and entries that other packages offer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from codectool.errors import UsageError
from codectool.models.registry import MODELS, ModelEntry, find, is_known, known_models

# a quarter and a half of the frames for the coarse codebooks, as SNAC has them
THREE_RATES = replace(find("base_24khz"), name="three_rates", levels=7, rows_per_codebook=(1, 2, 4))


def at_rate(hop_samples: int) -> ModelEntry:
    return replace(find("base_24khz"), hop_samples=hop_samples)


@pytest.mark.parametrize(("hop_samples", "packet", "quick"), [(320, 75, 2), (480, 50, 1), (160, 150, 3)])
def test_packets_last_a_second_or_as_little_as_is_worth_it(hop_samples: int, packet: int, quick: int) -> None:
    entry = at_rate(hop_samples)
    assert (entry.packet_frames(), entry.packet_frames(low_latency=True)) == (packet, quick)


def test_packets_of_rates_that_are_not_whole() -> None:
    entry = at_rate(1920)
    assert entry.exact_frame_rate_hz == Fraction(25, 2)
    assert entry.packet_frames() in (12, 13)
    assert entry.packet_frames(low_latency=True) == 1
    assert [entry.frames_in(seconds) for seconds in (0, 0.001, 0.08, 8)] == [1, 1, 1, 100]
    assert at_rate(279).exact_frame_rate_hz == Fraction(24_000, 279)  # no decimal says it


def test_packets_of_segments_are_segments() -> None:
    assert find("encodec_48khz").packet_frames() == 150


def test_without_a_rate_a_model_spends_6_kbps_or_what_it_can() -> None:
    usual = {name: entry.levels_for(None) for name, entry in MODELS.items()}
    expected = {"base_24khz": 8, "encodec_24khz": 8, "encodec_48khz": 4, "encodec_32khz": 4, "mimi": 32}
    expected |= {"dac_44khz": 6, "dac_44khz_16k": 6, "dac_24khz": 8, "dac_16khz": 12}
    expected |= {"snac_24khz": 7, "snac_32khz": 15, "snac_44khz": 15}
    assert {name: usual[name] for name in expected} == expected
    assert find("encodec_32khz").rates_bps()[-1] == 2200
    assert at_rate(20).levels_for(None) == 1  # of 12 kbps
    assert find("base_24khz").levels_for(None, streams=2) == 4


def test_levels_of_several_rates_are_whole_codebooks() -> None:
    assert THREE_RATES.level_choices == (1, 3, 7)
    assert THREE_RATES.rates_bps() == (750, 2250, 5250)
    assert [THREE_RATES.levels_for(rate) for rate in (750, 2249, 2250, 5249, 5250)] == [1, 1, 3, 3, 7]
    assert THREE_RATES.levels_for(None) == 7
    for levels in (1, 3, 7):
        THREE_RATES.check_levels(levels)
    for levels in (0, 2, 4, 6, 8):
        with pytest.raises(UsageError, match=f"^{levels} levels .* three_rates, which has 1, 3, 7$"):
            THREE_RATES.check_levels(levels)
    with pytest.raises(UsageError, match=r"which has 0\.75, 2\.25, 5\.25 kbps"):
        THREE_RATES.levels_for(700)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installed package that offers a model, and one under a name of ours."""
    (tmp_path / "toy_codec.py").write_text(
        "from dataclasses import replace\n"
        "from codectool.models.registry import find\n"
        "TOY = replace(find('base_24khz'), name='toy_24khz', family='toy_codec')\n"
    )
    facts = tmp_path / "toy_codec-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-codec\nVersion: 1.0\n")
    names = ("toy_24khz", "base_24khz")
    offered = "".join(f"{name} = toy_codec:TOY\n" for name in names)
    (facts / "entry_points.txt").write_text(f"[codectool.models]\n{offered}")
    monkeypatch.syspath_prepend(tmp_path)
    return "toy_24khz"


def test_models_of_other_packages_are_known(plugin: str) -> None:
    assert is_known(plugin)
    assert find(plugin).family == "toy_codec"
    assert [entry.name for entry in known_models()] == [*MODELS, plugin]
    with pytest.raises(UsageError, match=re.escape(", ".join([*MODELS, "base_24khz", plugin]))):
        find("nobody")


def test_names_of_ours_stay_ours(plugin: str) -> None:
    assert find("base_24khz") is MODELS["base_24khz"]


def test_without_such_packages_theirs_are_unknown() -> None:
    assert not is_known("toy_24khz")
    assert [entry.name for entry in known_models()] == list(MODELS)

"""Verify, decode and tokens agree on which files are good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codectool.container import Writer, codes_of, open_reader
from codectool.container.header import read_header
from codectool.files.byte_reader import ByteReader
from tests.cli.conftest import Ran

Codec = Callable[..., Ran]
SAMPLES = 3200  # 10 hops, so 11 frames


@pytest.fixture
def tokens(codec: Codec, write_wav: Callable[..., Path]) -> dict[str, np.ndarray]:
    """A recording's codes as `codec tokens` stores them; good.ecdc is the file itself."""
    write_wav(samples=SAMPLES)
    assert codec("encode", "in.wav", "good.ecdc", "--levels", "32").code == 0
    assert codec("tokens", "good.ecdc", "good.npz").code == 0
    return dict(np.load("good.npz"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_samples": np.array(0)}, "11 frames are more than 0 samples need"),
        ({"total_samples": np.array(SAMPLES // 2)}, "11 frames are more than 1600 samples need"),
        ({"total_samples": np.array(10**9)}, "11 frames cannot stand for 1000000000 samples"),
        ({"codes": np.zeros((33, 11), np.int16)}, "does not fit the model base_24khz: 33 levels"),
        ({"hop_samples": np.array(640)}, "does not fit the model base_24khz: a hop of 640 samples, not 320"),
        ({"model_rate_hz": np.array(48_000)}, "does not fit the model base_24khz: a sample rate of 48000 Hz"),
    ],
)
def test_tokens_that_lie_are_refused(
    codec: Codec, tokens: dict[str, np.ndarray], changes: dict[str, np.ndarray], words: str
) -> None:
    np.savez("false.npz", **tokens | changes)
    ran = codec("tokens", "false.npz", "false.ecdc")
    assert ran.code == 3
    assert words in ran.complaint()
    assert not Path("false.ecdc").exists()


def test_a_file_of_more_levels_than_its_model_has_is_damaged_everywhere(
    codec: Codec, tokens: dict[str, np.ndarray]
) -> None:
    with Path("good.ecdc").open("rb") as stream:
        header = replace(read_header(ByteReader(stream)), levels=33)
    with Path("false.ecdc").open("wb") as file:
        writer = Writer(file, header)
        writer.write_codes(np.zeros((1, 33, 11), np.int64))
        writer.finish(SAMPLES)
    for command in ("verify false.ecdc", "info false.ecdc", "decode false.ecdc out.wav"):
        ran = codec(*command.split())
        assert (ran.code, "33 levels" in ran.complaint()) == (3, True)


@pytest.mark.parametrize("hops", range(8, 12))
@pytest.mark.parametrize("more_samples", [-1, 0, 1])
def test_verify_and_decode_agree_on_the_length(
    codec: Codec, tokens: dict[str, np.ndarray], hops: int, more_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codectool.container.writer.is_overlong", lambda *_: False)
    with Path("good.ecdc").open("rb") as stream:
        reader = open_reader(stream)
        codes = codes_of(reader)
    with Path("false.ecdc").open("wb") as file:
        writer = Writer(file, reader.header)  # type: ignore[arg-type]
        writer.write_codes(codes)
        writer.finish(320 * hops + more_samples)
    assert codec("verify", "false.ecdc").code == codec("decode", "false.ecdc", "out.wav").code

"""Damaged files: all that is good is decoded, in its place, without a click, and what is lost is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.container.packets import HEAD, SYNC
from codectool.models.loaded import LoadedModel
from tests.cli.conftest import RATE_HZ, Ran, read_wav

Codec = Callable[..., Ran]
DATA = 3
HOP_SAMPLES, PACKET_FRAMES = 320, 75
SAMPLES = 6 * RATE_HZ + 1234
AS_FLOATS = "--subtype", "FLOAT"


@pytest.fixture
def coded(codec: Codec, write_wav: Callable[..., Path]) -> bytes:
    """A file of six full packets and a last one."""
    codec("encode", write_wav(samples=SAMPLES), "whole.ecdc")
    return Path("whole.ecdc").read_bytes()


def packet_offset(coded: bytes, packet: int) -> int:
    """Return where a packet begins; all but the last are of one size."""
    start = coded[5]
    return start + packet * (HEAD.size + HEAD.unpack_from(coded, start)[3] + 4)


def break_packet(coded: bytes, packet: int) -> bytes:
    """Return the file with a bit of one packet's codes changed."""
    place = packet_offset(coded, packet) + HEAD.size + 20
    return coded[:place] + bytes([coded[place] ^ 4]) + coded[place + 1 :]


def test_a_cut_file_is_decoded_up_to_the_cut(codec: Codec, coded: bytes) -> None:
    Path("cut.ecdc").write_bytes(coded[: packet_offset(coded, 2) + 100])
    ran = codec("decode", "cut.ecdc", "cut.wav", *AS_FLOATS, "-q")
    assert (ran.code, ran.stdout) == (DATA, b"")
    assert "cut.ecdc: lost from 2.000 s to the end" in ran.complaint()
    codec("decode", "whole.ecdc", "whole.wav", *AS_FLOATS)
    cut, whole = read_wav("cut.wav"), read_wav("whole.wav")
    assert len(cut) == 2 * RATE_HZ
    unharmed_samples = len(cut) - HOP_SAMPLES  # the last hop of a frame waits for the next, and fades instead
    np.testing.assert_array_equal(cut[:unharmed_samples], whole[:unharmed_samples])


def test_a_file_cut_after_its_head_is_an_empty_recording(codec: Codec, coded: bytes) -> None:
    Path("cut.ecdc").write_bytes(coded[: packet_offset(coded, 0)])
    assert codec("decode", "cut.ecdc", "cut.wav").code == DATA
    assert soundfile.info("cut.wav").frames == 0


@pytest.mark.parametrize("damage", ["cut", "broken"])
def test_strict_writes_nothing(codec: Codec, coded: bytes, damage: str) -> None:
    Path("bad.ecdc").write_bytes(coded[:-5] if damage == "cut" else break_packet(coded, 2))
    before = sorted(path.name for path in Path().iterdir())
    ran = codec("decode", "bad.ecdc", "bad.wav", "--strict")
    assert ran.code == DATA
    assert "bad.ecdc: is damaged: lost from" in ran.complaint()
    assert sorted(path.name for path in Path().iterdir()) == before


def test_strict_takes_what_is_whole(codec: Codec, coded: bytes) -> None:
    assert codec("decode", "whole.ecdc", "whole.wav", "--strict", "-q") == Ran(0, b"", "")


@pytest.mark.parametrize("packet", [0, 2, 4])
def test_only_the_lost_second_differs(
    codec: Codec, coded: bytes, small_model: LoadedModel, packet: int
) -> None:
    Path("bad.ecdc").write_bytes(break_packet(coded, packet))
    assert codec("decode", "whole.ecdc", "whole.wav", *AS_FLOATS).code == 0
    ran = codec("decode", "bad.ecdc", "bad.wav", *AS_FLOATS, "-q")
    assert ran.code == DATA
    assert f"bad.ecdc: lost from {packet}.000 s to {packet + 1}.000 s" in ran.complaint()
    bad, whole = read_wav("bad.wav"), read_wav("whole.wav")
    assert len(bad) == len(whole) == SAMPLES
    heard_samples = max(0, packet * RATE_HZ - HOP_SAMPLES)
    np.testing.assert_array_equal(bad[:heard_samples], whole[:heard_samples])
    silent = slice(packet * RATE_HZ, (packet + 1) * RATE_HZ - HOP_SAMPLES)
    assert not bad[silent].any()
    assert whole[silent].any()
    # a frame depends on so many frames, itself and before, and sounds a hop late
    reach_frames = small_model.decoder.receptive_field_frames
    assert reach_frames is not None
    recovered = (packet + 1) * RATE_HZ + (reach_frames - 1) * HOP_SAMPLES - HOP_SAMPLES
    assert recovered < SAMPLES
    np.testing.assert_array_equal(bad[recovered:], whole[recovered:])
    assert not np.array_equal(
        bad[recovered - 2 * HOP_SAMPLES : recovered], whole[recovered - 2 * HOP_SAMPLES : recovered]
    )


@pytest.mark.parametrize("packet", [0, 2, 4])
def test_a_loss_does_not_click(codec: Codec, coded: bytes, tone_weights: Path, packet: int) -> None:
    options = (*AS_FLOATS, "--weights", tone_weights)
    Path("bad.ecdc").write_bytes(break_packet(coded, packet))
    assert codec("decode", "whole.ecdc", "whole.wav", *options).code == 0
    assert codec("decode", "bad.ecdc", "bad.wav", *options).code == DATA
    bad, whole = read_wav("bad.wav"), read_wav("whole.wav")
    assert not bad[packet * RATE_HZ : (packet + 1) * RATE_HZ - HOP_SAMPLES].any()
    largest_step = np.abs(np.diff(whole)).max()
    assert np.abs(whole).max() > 5 * largest_step  # so a sound broken off would be seen
    assert np.abs(np.diff(bad)).max() <= largest_step


def test_bytes_that_do_not_belong_cost_no_audio(codec: Codec, coded: bytes) -> None:
    place = packet_offset(coded, 3)
    Path("bad.ecdc").write_bytes(coded[:place] + b"foreign" + SYNC + coded[place:])
    ran = codec("decode", "bad.ecdc", "bad.wav", "-q")
    assert ran.code == DATA
    assert "bad.ecdc: at 3.000 s, no audio lost:" in ran.complaint()
    codec("decode", "whole.ecdc", "whole.wav")
    assert Path("bad.wav").read_bytes() == Path("whole.wav").read_bytes()


def test_info_of_a_damaged_file_shows_what_is_lost(codec: Codec, coded: bytes) -> None:
    Path("bad.ecdc").write_bytes(break_packet(coded, 1))
    assert codec("info", "whole.ecdc").code == 0
    ran = codec("info", "bad.ecdc", "--json")
    assert ran.code == DATA
    facts = json.loads(ran.stdout)
    assert facts["complete"] is False
    (gap,) = facts["damage"]
    assert (gap["first_frame"], gap["frames"]) == (PACKET_FRAMES, PACKET_FRAMES)


def test_a_lost_header_is_lent_by_another_file(codec: Codec, write_wav: Callable[..., Path]) -> None:
    write_wav("a.wav", samples=3 * RATE_HZ)
    write_wav("b.wav", samples=100)
    for name in "ab":
        assert codec("encode", f"{name}.wav", f"{name}.ecdc").code == 0
    codec("encode", "b.wav", "other.ecdc", "-b", "3k")
    codec("decode", "a.ecdc", "whole.wav")
    data = Path("a.ecdc").read_bytes()
    Path("a.ecdc").write_bytes(bytes(46) + data[46:])
    assert codec("decode", "a.ecdc", "back.wav").code == 3
    assert codec("decode", "a.ecdc", "back.wav", "--header-from", "b.ecdc").code == 3
    np.testing.assert_array_equal(read_wav("back.wav"), read_wav("whole.wav"))
    Path("back.wav").unlink()
    refused = codec("decode", "a.ecdc", "back.wav", "--header-from", "other.ecdc")
    assert (refused.code, Path("back.wav").exists()) == (3, False)
    assert "no packet fits the header of other.ecdc" in refused.complaint()

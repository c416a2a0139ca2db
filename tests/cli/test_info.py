"""What `codec info` tells people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Ran

Codec = Callable[..., Ran]
Write = Callable[..., Path]


def test_info_is_for_people_and_for_many(codec: Codec, write_wav: Write) -> None:
    write_wav(samples=1)
    codec("encode", "in.wav", "a.ecdc", "--tag", "title=A")
    shown = codec("info", "a.ecdc").stdout.decode()
    assert "{" not in shown
    assert "duration s               0.000042" in shown
    assert "tag title                A" in shown
    Path("coded").mkdir()
    Path("a.ecdc").rename("coded/a.ecdc")
    Path("coded/b.ecdc").write_bytes(b"x")
    both = codec("info", "coded", "coded/a.ecdc", "--json")
    assert both.code == 3
    assert len(both.stdout.splitlines()) == 2
    assert codec("verify", "coded").stdout == b"coded/a.ecdc: good\n"
    assert codec("verify", "coded").code == 3


def test_info_tells_of_weights_that_this_version_does_not_have(codec: Codec, write_wav: Write) -> None:
    golden = Path(__file__).parents[1] / "data" / "golden"
    earlier, now = (
        codec("info", golden / f"{name}.ecdc") for name in ("e8a7f997b8c49c58", "ee9fb5ad2c67d5ba")
    )
    assert b"from before version 1.0, by weights whose first 16 levels mean the same today" in earlier.stdout
    assert b"note" not in now.stdout
    write_wav(samples=1)
    codec("encode", "in.wav", "own.ecdc")
    assert b"or by weights of somebody's own" in codec("info", "own.ecdc").stdout

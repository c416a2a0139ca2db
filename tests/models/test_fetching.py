"""Downloads from a real server: whole, broken off, resumed, and not what was expected."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from codectool.errors import FileError, WeightsError
from codectool.models import fetching
from codectool.models.fetching import CHUNK_BYTES, alone_in, downloaded
from codectool.models.registry import Download
from tests.models.web import Site, served

CONTENT = random.Random(0).randbytes(3 * CHUNK_BYTES + 17)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site(CONTENT)) as site:
        yield site


def source(site: Site, digits: int = 64) -> Download:
    return Download(site.url, len(CONTENT), hashlib.sha256(CONTENT).hexdigest()[:digits])


def fetch(site: Site, folder: Path) -> bytes:
    with downloaded(source(site), folder) as (path, _):
        return path.read_bytes()


def part(folder: Path) -> Path:
    return folder / ".weights.th.part"


@pytest.mark.parametrize("digits", [8, 64])
def test_a_download_arrives_and_is_gone_after_use(site: Site, tmp_path: Path, digits: int) -> None:
    told: list[int] = []
    with downloaded(source(site, digits), tmp_path, told.append) as (path, sha256):
        assert path.read_bytes() == CONTENT
        assert sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert list(tmp_path.iterdir()) == []
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)
    assert site.asked == [None]


@pytest.mark.parametrize("after", [1, CHUNK_BYTES, CHUNK_BYTES + 1, len(CONTENT) - 1])
def test_what_broke_off_is_resumed(site: Site, tmp_path: Path, after: int) -> None:
    site.breaks_after = after
    with pytest.raises(FileError, match=f"broke off after {after} of {len(CONTENT)} bytes: the same command"):
        fetch(site, tmp_path)
    assert part(tmp_path).read_bytes() == CONTENT[:after]
    site.breaks_after = None
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [None, f"bytes={after}-"]


def test_a_server_that_falls_silent_is_given_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SILENCE_LIMIT_S", 0.2)
    site.breaks_after, site.hangs = 1000, threading.Event()
    try:
        with pytest.raises(FileError, match="broke off after 1000 of"):
            fetch(site, tmp_path)
    finally:
        site.hangs.set()
    assert part(tmp_path).read_bytes() == CONTENT[:1000]


def test_an_interrupt_loses_nothing(site: Site, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), downloaded(source(site), tmp_path, interrupt):
        pass
    kept = part(tmp_path).read_bytes()
    assert CONTENT.startswith(kept)
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [None, f"bytes={len(kept)}-"]


def test_it_begins_anew_where_a_server_cannot_resume(site: Site, tmp_path: Path) -> None:
    site.resumable = False
    part(tmp_path).write_bytes(b"?" * 70_000)
    site.breaks_after = 50_000
    with pytest.raises(FileError, match="broke off after 50000 of"):
        fetch(site, tmp_path)
    assert part(tmp_path).read_bytes() == CONTENT[:50_000]
    site.breaks_after = None
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == ["bytes=70000-", "bytes=50000-"]


def test_a_complete_part_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(CONTENT)
    assert fetch(site, tmp_path) == CONTENT
    part(tmp_path).write_bytes(CONTENT + b"more")
    assert fetch(site, tmp_path) == CONTENT
    assert site.asked == [None]


@pytest.mark.parametrize("resumed", [False, True])
def test_another_content_is_never_given_out(site: Site, tmp_path: Path, resumed: bool) -> None:
    right, site.content = site.content, CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    if resumed:
        part(tmp_path).write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"its sha256 is [0-9a-f]{64}, not [0-9a-f]{64}: not used"):
        fetch(site, tmp_path)
    assert not part(tmp_path).exists()
    site.content = right
    assert fetch(site, tmp_path) == CONTENT


@pytest.mark.parametrize(("size", "start"), [(10, 0), (len(CONTENT) + 1, 0), (len(CONTENT) + 1, 500)])
def test_a_file_of_another_size_is_refused_before_it_is_read(
    site: Site, tmp_path: Path, size: int, start: int
) -> None:
    site.content = (CONTENT * 2)[:size]
    part(tmp_path).write_bytes(CONTENT[:start])
    with pytest.raises(WeightsError, match=f"not the published file of {len(CONTENT)} bytes"):
        fetch(site, tmp_path)
    assert part(tmp_path).read_bytes() == CONTENT[:start] if start else not part(tmp_path).exists()


def test_no_more_is_taken_than_expected_whatever_a_server_says(site: Site, tmp_path: Path) -> None:
    site.content = CONTENT + b"more" * 100_000
    site.headers = {"Content-Length": ""}  # it ends with the connection
    assert fetch(site, tmp_path) == CONTENT


def test_a_server_that_sends_another_part_is_refused(site: Site, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(CONTENT[:1000])
    site.headers = {"Content-Range": f"bytes 99999999-99999999/{len(CONTENT)}"}
    with pytest.raises(WeightsError, match="not the published file"):
        fetch(site, tmp_path)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, WeightsError, "the published file is not there any more (404"),
        (410, WeightsError, "not there any more"),
        (416, WeightsError, "not there any more"),
        (403, FileError, "the server answered 403"),
        (503, FileError, "the server answered 503"),
    ],
)
def test_a_server_that_refuses(
    site: Site, tmp_path: Path, status: int, error: type[Exception], said: str
) -> None:
    site.status = status
    part(tmp_path).write_bytes(CONTENT[:7])
    with pytest.raises(error) as caught:
        fetch(site, tmp_path)
    assert said in str(caught.value)
    assert site.url in str(caught.value)
    assert "`weights=FILE`" in str(caught.value)
    assert part(tmp_path).read_bytes() == CONTENT[:7]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/weights.th", "http://nowhere.invalid/weights.th"])
def test_offline(tmp_path: Path, url: str) -> None:
    with (
        pytest.raises(FileError, match=r"cannot be reached \(.+\): try again online.*`weights=FILE`"),
        downloaded(Download(url, 1, ""), tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file.*: cannot be written"), alone_in(tmp_path / "file" / "folder"):
        pass
    with pytest.raises(FileError, match=r"file.*: cannot be written"):
        fetch(site, tmp_path / "file")
    assert site.asked == []


def test_who_comes_later_waits(site: Site, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    order: list[str] = []

    def wait() -> None:
        with alone_in(tmp_path / "new"):
            order.append("second")

    with alone_in(tmp_path / "new"):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]

"""Download published checkpoints: resumed where they broke off, and checked before anything reads them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from codectool import __version__
from codectool.errors import FileError, WeightsError
from codectool.files.streams import as_file_error
from codectool.models.registry import Download

try:
    import fcntl
except ImportError:  # Windows, where two downloads of one file at once spoil each other, and say so
    fcntl = None  # type: ignore[assignment]

CHUNK_BYTES = 1 << 16
SILENCE_LIMIT_S = 30  # without a byte, until a server is taken for gone
SHA256_DIGITS = 64
LONGEST_BYTES = 4 << 30  # of a file whose size is not published: more is nobody's weights
HEADERS = {"User-Agent": f"codectool/{__version__}"}
# The last: the file there is shorter than the part of it that came before.
GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)

Progress = Callable[[int], None]  # told how many bytes are there


@contextmanager
def downloaded(
    source: Download, folder: Path, progress: Progress | None = None
) -> Iterator[tuple[Path, str]]:
    """Download a file into `folder` and check it; yield its path and sha256.

    The file is gone after the block. What a broken download left as `.NAME.part` is completed. Raises
    FileError when the network, the server or the disk fails, and WeightsError when the file is not there or
    not the expected one.
    """
    part = folder / f".{PurePosixPath(urlsplit(source.url).path).name}.part"
    with as_file_error(part):
        file = part.open("a+b")
    try:
        with file:
            _complete(source, file, part, progress)
            sha256 = _checked(source, file)
    finally:
        if part.stat().st_size == 0:
            part.unlink()
    yield part, sha256
    part.unlink()


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other processes out of such a block on it: they wait.

    If the block fails, a folder that it made and left empty is removed.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    with as_file_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield
    except BaseException:
        with suppress(OSError):  # something is in it
            for place in made:
                place.rmdir()
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _complete(source: Download, file: BinaryIO, part: Path, progress: Progress | None) -> None:
    have_bytes = file.seek(0, os.SEEK_END)
    expected_bytes = source.size_bytes or _size_bytes(source.url)
    if have_bytes > expected_bytes:
        have_bytes = file.truncate(0)
    if have_bytes == expected_bytes:
        return
    for position, chunk in _received(source.url, have_bytes, expected_bytes):
        with as_file_error(part):
            file.truncate(position)  # a server that cannot resume begins anew
            file.write(chunk)
            file.flush()
        have_bytes = position + len(chunk)
        if progress is not None:
            progress(have_bytes)
    if have_bytes < expected_bytes:
        raise FileError(
            f"{source.url}: broke off after {have_bytes} of {expected_bytes} bytes: "
            "the same command again goes on from there"
        )


def _size_bytes(url: str) -> int:
    """Return how long a file is by its server, whose word is good enough: the checksum says what it is."""
    with _network(url):
        answer = urlopen(Request(url, headers=HEADERS, method="HEAD"), timeout=SILENCE_LIMIT_S)
    with answer:
        length = answer.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > LONGEST_BYTES:
        raise WeightsError(f"{url}: the server states no size that weights could have ({length or 'none'})")
    return int(length)


def _received(url: str, start: int, expected_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield what the server sends, each piece with its position in the file, from `start` on if it can."""
    headers = HEADERS | ({"Range": f"bytes={start}-"} if start else {})
    with _network(url):
        answer = urlopen(Request(url, headers=headers), timeout=SILENCE_LIMIT_S)
    with answer:
        position, total_bytes = _extent(answer)
        if total_bytes not in (None, expected_bytes) or position > start:
            raise WeightsError(f"{url}: what is there is not the published file of {expected_bytes} bytes")
        with suppress(OSError, HTTPException):  # that it broke off is seen from what is missing
            while chunk := answer.read1(min(CHUNK_BYTES, expected_bytes - position)):
                yield position, chunk
                position += len(chunk)


def _extent(answer: HTTPResponse) -> tuple[int, int | None]:
    """Return where in the file an answer begins, and how long the file is if the server says so."""
    if answer.status == HTTPStatus.PARTIAL_CONTENT:  # Content-Range: bytes 100-199/200
        unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
        span, _, total = rest.partition("/")
        first = span.partition("-")[0]
        if unit == "bytes" and first.isdecimal():
            return int(first), int(total) if total.isdecimal() else None
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _checked(source: Download, file: BinaryIO) -> str:
    """Return the sha256 of a complete download; if it is another's, empty the file and raise WeightsError."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    found = digest.hexdigest()
    if not found.startswith(source.sha256):
        file.truncate(0)
        expected = source.sha256.ljust(SHA256_DIGITS, ".")
        raise WeightsError(
            f"{source.url}: its sha256 is {found}, not {expected}: not used, and deleted; try again"
        )
    return found


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Turn what urllib raises into errors that say what to do."""
    by_hand = "or download it elsewhere and give it with `weights=FILE`"
    try:
        yield
    except HTTPError as error:
        error.close()
        if error.code in GONE:
            raise WeightsError(
                f"{url}: the published file is not there any more ({error.code} {error.reason}): "
                "if you have it from elsewhere, give it with `weights=FILE`"
            ) from error
        raise FileError(
            f"{url}: the server answered {error.code} {error.reason}: try later, {by_hand}"
        ) from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise FileError(f"{url}: cannot be reached ({text}): try again online, {by_hand}") from error

"""Weights put where they are found: downloaded, or converted from a published checkpoint.

Checkpoints of tensors need torch, which is imported when there is one; graphs do without.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from codectool.errors import FileError, WeightsError
from codectool.files.inputs import open_file
from codectool.files.outputs import open_atomic
from codectool.files.streams import as_file_error
from codectool.models.fetching import SHA256_DIGITS, downloaded, exclusive_lock
from codectool.models.registry import Download, ModelEntry, find
from codectool.models.search import cache_folder, how_to_get, weights_places
from codectool.models.weights import weights_fingerprint

if TYPE_CHECKING:
    from codectool.models.identifying import Checkpoint

GRAPHS_MODEL = "lyra_v2"  # the one model that is published as several files


@dataclass(frozen=True)
class FetchJob:
    """The model whose published weights to download; with `overwrite`, even if there are some.

    `mirror` is a URL under which the files lie by their names. What comes from there is checked in the same
    way.
    """

    name: str
    overwrite: bool = False
    mirror: str | None = None


@dataclass(frozen=True)
class ImportJob:
    """A checkpoint to convert, and the file to write; without one, it goes where the model's name finds it.

    `name` says whose weights they are; without it, their tensors have to tell.
    """

    source: Path
    target: Path | None = None
    overwrite: bool = False
    name: str | None = None


@dataclass(frozen=True)
class Installed:
    """Weights that are in place, and a note on how they came there."""

    entry: ModelEntry
    path: Path
    fingerprint: bytes
    note: str = ""


def fetch(job: FetchJob, progress: Callable[[int], None] | None = None) -> Installed:
    """Download the published weights of a model into the user's cache, as safetensors.

    Raises WeightsError when there are none, or they are not what was published, and FileError when the
    network or the disk fails. `progress` is told how many bytes are there.
    """
    entry = find(job.name)
    folder = cache_folder()
    with exclusive_lock(folder):
        here = next((place for place in weights_places(entry) if place.is_file()), None)
        if here is not None and not job.overwrite:
            with suppress(WeightsError):  # those that are damaged are fetched anew
                return Installed(entry, here, weights_fingerprint(here), "they were here already")
        if entry.parts:
            return _fetch_parts(entry, folder, job.mirror, progress)
        if entry.download is None:
            raise WeightsError(f"{job.name}: no download is known that could be checked: {how_to_get(entry)}")
        from codectool.models.identifying import identify

        download = _from_mirror(entry.download, job.mirror)
        with downloaded(download, folder, progress) as (path, sha256):
            origin = {"source": entry.download.url, "source_sha256": sha256}
            installed = _store(identify(path, entry), folder / entry.weights_file, origin, overwrite=True)
    return replace(installed, note=_checked_by(entry.download.sha256, sha256))


def _fetch_parts(
    entry: ModelEntry, folder: Path, mirror: str | None, progress: Callable[[int], None] | None
) -> Installed:
    """Download the several files of a model, and put them into one."""
    with ExitStack() as stack:
        graphs = {}
        for part in entry.parts:
            path, _ = stack.enter_context(downloaded(_from_mirror(part, mirror), folder, progress))
            graphs[PurePosixPath(part.url).name] = path
        origin = {"source": entry.parts[0].url}
        return _store_graphs(entry, graphs, folder / entry.weights_file, origin, overwrite=True)


def _store_graphs(
    entry: ModelEntry, graphs: dict[str, Path], target: Path, origin: dict[str, str], overwrite: bool
) -> Installed:
    from codectool.models.graph_families import packed

    content = packed(entry, graphs, origin)
    with open_atomic(target, overwrite=overwrite) as file:
        file.write(content)
    return Installed(entry, target, weights_fingerprint(target))


def remove(name: str) -> Path:
    """Remove the weights of a model from the user's cache; return where they were.

    Raises WeightsError if there are none.
    """
    place = cache_folder() / find(name).weights_file
    if not place.is_file():
        raise WeightsError(f"{place}: no weights of {name} were fetched or imported")
    with as_file_error(place):
        place.unlink()
    return place


def _from_mirror(download: Download, mirror: str | None) -> Download:
    """Return the same file elsewhere; WeightsError where its checksum is not known well enough for that."""
    if mirror is None:
        return download
    if len(download.sha256) < SHA256_DIGITS:
        raise WeightsError(
            f"{download.url}: only the beginning of its sha256 is published, too little to trust a mirror"
        )
    return replace(download, url=f"{mirror.rstrip('/')}/{PurePosixPath(urlsplit(download.url).path).name}")


def convert(job: ImportJob) -> Installed:
    """Convert a checkpoint, in any naming that its family reads, to safetensors under our names.

    Raises WeightsError when it belongs to no known model or to several, or is damaged, and FileError when it
    cannot be read, or the output exists or cannot be written.
    """
    if job.source.is_dir():
        return _convert_folder(job)
    from codectool.models.identifying import identify

    with open_file(job.source):  # which says what is wrong, if it cannot be
        checkpoint = identify(job.source, None if job.name is None else find(job.name))
    origin = {"source": job.source.name}
    if job.target is not None:
        return _store(checkpoint, job.target, origin, job.overwrite)
    with exclusive_lock(cache_folder()):
        target = cache_folder() / checkpoint.entry.weights_file
        return _store(checkpoint, target, origin, job.overwrite)


def _convert_folder(job: ImportJob) -> Installed:
    """Convert the files of a model that is published as several."""
    entry = find(job.name or GRAPHS_MODEL)
    if not entry.parts:
        raise WeightsError(f"{job.source}: is a folder, and {entry.name} is published as one file: name that")
    names = {PurePosixPath(part.url).name for part in entry.parts}
    if job.name is None and not any((job.source / name).exists() for name in names):
        raise FileError(f"{job.source}: is a folder; name a file")
    graphs = {path.name: path for path in job.source.iterdir()}
    origin = {"source": job.source.name}
    if job.target is not None:
        return _store_graphs(entry, graphs, job.target, origin, job.overwrite)
    with exclusive_lock(cache_folder()):
        return _store_graphs(entry, graphs, cache_folder() / entry.weights_file, origin, job.overwrite)


def _store(checkpoint: Checkpoint, target: Path, origin: dict[str, str], overwrite: bool) -> Installed:
    from codectool.models.checkpoints import write_checkpoint

    entry = checkpoint.entry
    with open_atomic(target, overwrite=overwrite) as file:
        write_checkpoint(file, checkpoint.tensors, {"model": entry.name, "licence": entry.licence, **origin})
    return Installed(entry, target, weights_fingerprint(target))


def _checked_by(published: str, found: str) -> str:
    if len(published) == SHA256_DIGITS:
        return ""
    return f"only the beginning of their sha256 is published, {published}, and checked; all of it is {found}"

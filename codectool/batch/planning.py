"""Which files become which: all that can be refused is refused here, before any work starts."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from codectool.audio.formats import FORMAT_OF_SUFFIX, format_and_subtype
from codectool.errors import CodecError, FileError, UsageError
from codectool.pipeline import DecodeJob, EncodeJob
from codectool.pipeline.planning import check_encode

CODED_SUFFIX = ".ecdc"
# Sound that others read, and pass on through a pipe.
SOUND_ELSEWHERE = (
    ".aac",
    ".ac3",
    ".amr",
    ".ape",
    ".m4a",
    ".m4b",
    ".mka",
    ".mkv",
    ".mp4",
    ".webm",
    ".wma",
    ".wv",
)
CASE_IS_ONE = sys.platform in ("win32", "darwin")  # a.ecdc and A.ecdc are one file there


@dataclass(frozen=True)
class BatchJob:
    """What to do with a folder.

    Attributes:
        each: what to do with every file; its source and target are the two folders.
        suffix: what the names of outputs end in.
        recursive: whether subfolders belong to it.
        include: globs of names or of paths within the folder; empty for all files that can be read.
        files: the only files to take, within the folder or absolute; None to search.
        skip_existing: leave whatever is there, also what another job made.
        keep_suffix: outputs are called `a.wav.ecdc`, so that files which differ in the suffix do not clash.
        remove: remove inputs whose outputs are whole.
        workers: how many processes share the work.
    """

    each: EncodeJob | DecodeJob
    suffix: str = CODED_SUFFIX
    recursive: bool = False
    include: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    skip_existing: bool = False
    keep_suffix: bool = False
    remove: bool = False
    workers: int = 1


@dataclass(frozen=True)
class Item:
    """One file to do."""

    source: str
    target: str


@dataclass(frozen=True)
class Plan:
    """What to do with which files, in order.

    Attributes:
        items: the files.
        refused: folders that could not be searched and files that would clash, and why.
        left_out: how many files are no inputs, by their suffix, or what they are instead of files.
        folder: where outputs go, to be made; None if each goes beside its input.
    """

    items: tuple[Item, ...]
    refused: tuple[tuple[str, CodecError], ...] = ()
    folder: Path | None = None
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def are_recordings_left_out(self) -> bool:
        """Whether other programs may know sound in what is left out."""
        return any(what in SOUND_ELSEWHERE for what, _ in self.left_out)


def plan(job: BatchJob) -> Plan:
    """Find the files of a job and name their outputs; reads folders, changes nothing.

    Files that would become one are refused, and named in the plan. UsageError when an output would lie
    outside the target folder or replace an input, when a listed file is not one of the folder's, or when none
    is found.
    """
    source, target = Path(job.each.source), Path(job.each.target)
    _check_folders(job, source, target)
    refused: list[tuple[str, CodecError]] = []
    left_out: Counter[str] = Counter()
    if job.files is None:
        names = list(_search(job, source, target, refused, left_out))
        if not names and not refused:
            raise UsageError(
                f"{source}: holds no {_wanted(job)}; see `include`, and `recursive` for subfolders"
            )
    else:
        names = list(dict.fromkeys(_listed(name, source, target) for name in job.files))
    outputs, clashes = _outputs(names, job)
    refused += [(str(source / name), error) for name, error in clashes]
    _refuse_escapes(target, outputs)
    items = tuple(Item(str(source / name), str(target / output)) for output, name in outputs.items())
    _refuse_replaced_inputs(items)
    return Plan(items, tuple(refused), target, tuple(left_out.most_common()))


def plan_files(job: BatchJob, sources: tuple[str, ...], folder: Path | None) -> Plan:
    """Name the outputs of files, in a folder or beside each; changes nothing.

    Those that would become one are refused, and named in the plan; UsageError when an output would replace an
    input.
    """
    _check_job(job)
    by_output: dict[str, list[Item]] = {}
    for source in dict.fromkeys(sources):
        path = PurePath(source)
        target = str(_output_of(folder / path.name if folder is not None else path, job))
        by_output.setdefault(os.path.realpath(target), []).append(Item(source, target))
    items = tuple(same[0] for same in by_output.values() if len(same) == 1)
    clashes = [same for same in by_output.values() if len(same) > 1]
    refused = [
        (item.source, _clash([item.source for item in same], item.target))
        for same in clashes
        for item in same
    ]
    _refuse_replaced_inputs(items)
    return Plan(items, tuple(refused), folder)


def job_of(job: BatchJob, item: Item) -> EncodeJob | DecodeJob:
    """Return what one of the workers is to do with one of the files."""
    return replace(job.each, source=item.source, target=item.target)


def _check_folders(job: BatchJob, source: Path, target: Path) -> None:
    if not source.is_dir():
        raise FileError(f"{source}: is not a folder")
    if target.exists() and not target.is_dir():
        raise FileError(f"{target}: is not a folder; name one for the outputs")
    if target.resolve() == source.resolve():
        raise UsageError(f"{target}: is the folder of the inputs; name another one for the outputs")
    for glob in job.include:
        if not PurePath(glob).name:
            raise UsageError(f"`include={glob!r}`: is no name; write something like '*.wav'")
    _check_job(job)


def _check_job(job: BatchJob) -> None:
    """Raise UsageError for what would fail every file."""
    if isinstance(job.each, DecodeJob) and job.each.raw is None:
        format_and_subtype(f"any{job.suffix}", job.each.subtype)
    if isinstance(job.each, EncodeJob):
        check_encode(job.each)


def _search(
    job: BatchJob,
    source: Path,
    target: Path,
    refused: list[tuple[str, CodecError]],
    left_out: Counter[str],
) -> Iterator[PurePath]:
    def note(error: OSError) -> None:
        folder = str(error.filename)
        refused.append((folder, FileError(f"{folder}: cannot be searched: {error.strerror or error}")))

    outputs = os.stat(target) if target.is_dir() else None  # noqa: PTH116 (a Path's is the same)
    for folder, subfolders, names in os.walk(source, onerror=note):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if job.recursive and not _is_hidden(name) and not _is_same(Path(folder, name), outputs)
        )
        inside = PurePath(folder).relative_to(source)
        for name in sorted(names):
            if _is_hidden(name):
                continue
            if (reason := _left_out_as(job, inside / name, Path(folder, name))) is None:
                yield inside / name
            elif not job.include:  # which says what is wanted
                left_out[reason] += 1


def _left_out_as(job: BatchJob, name: PurePath, path: Path) -> str | None:
    """Return why a file is no input, in a word or by its suffix; None if it is one."""
    if not path.exists():
        return "dead links"
    if not path.is_file():
        return "pipes and devices"
    if _is_wanted(job, name):
        return None
    return name.suffix.lower() or "without a suffix"


def _is_hidden(name: str) -> bool:
    return name.startswith(".")  # also what unfinished outputs are called


def _is_same(folder: Path, status: os.stat_result | None) -> bool:
    return status is not None and os.path.samestat(folder.stat(), status)


def _is_wanted(job: BatchJob, name: PurePath) -> bool:
    if job.include:
        return any(name.match(glob) for glob in job.include)
    suffix = name.suffix.lower()
    return suffix in FORMAT_OF_SUFFIX if isinstance(job.each, EncodeJob) else suffix == CODED_SUFFIX


def _wanted(job: BatchJob) -> str:
    if job.include:
        return f"file like {' or '.join(job.include)}"
    return "audio files" if isinstance(job.each, EncodeJob) else f"{CODED_SUFFIX} files"


def _listed(name: str, source: Path, target: Path) -> PurePath:
    """Return a listed file as a path within the folder."""
    path = Path(os.path.abspath(source / name))  # noqa: PTH100 (resolving would follow links out of it)
    if not os.path.lexists(path) and os.path.lexists(name):  # from here, as `find` prints them
        path = Path(os.path.abspath(name))  # noqa: PTH100
    folders = Path(os.path.abspath(source)), source.resolve()  # noqa: PTH100
    inside = next((path.relative_to(folder) for folder in folders if path.is_relative_to(folder)), None)
    if inside is None or not inside.name:
        raise UsageError(f"{name}: is listed, but not a file within {source}")
    if any(_is_hidden(part) for part in inside.parts):
        raise UsageError(f"{name}: is listed, but hidden files are never inputs; rename it")
    if path.is_relative_to(os.path.abspath(target)):  # noqa: PTH100
        raise UsageError(f"{name}: is listed, but lies among the outputs in {target}")
    return inside


def _outputs(
    names: list[PurePath], job: BatchJob
) -> tuple[dict[PurePath, PurePath], list[tuple[PurePath, CodecError]]]:
    """Return inputs by the outputs they become, and those of which several would become one, with the reason.

    UsageError for an output that is a folder for another.
    """
    by_output: dict[str, list[PurePath]] = {}
    for name in names:
        output = str(_output_of(name, job))
        by_output.setdefault(output.casefold() if CASE_IS_ONE else output, []).append(name)
    outputs = {_output_of(same[0], job): same[0] for same in by_output.values() if len(same) == 1}
    clashes = [
        (name, _clash([str(other) for other in same], str(_output_of(name, job))))
        for same in by_output.values()
        if len(same) > 1
        for name in same
    ]
    folders = {parent: output for output in outputs for parent in output.parents}
    for place in outputs.keys() & folders.keys():
        raise UsageError(
            f"{outputs[place]} would become {place}, which is a folder for {outputs[folders[place]]}: "
            "rename one"
        )
    return outputs, clashes


def _output_of(name: PurePath, job: BatchJob) -> PurePath:
    return name.with_name(name.name + job.suffix) if job.keep_suffix else name.with_suffix(job.suffix)


def _clash(names: list[str], output: str) -> CodecError:
    return UsageError(f"{' and '.join(names)} would both become {output}: see `keep_suffix`")


def _refuse_escapes(target: Path, outputs: dict[PurePath, PurePath]) -> None:
    """Raise UsageError if a link within the target folder would lead an output out of it."""
    home = target.resolve()
    links = (target / output for output in outputs if (target / output).is_symlink())
    for place in (*{target / output.parent for output in outputs}, *links):
        if not place.resolve().is_relative_to(home):
            raise UsageError(
                f"{place}: is a link that leads out of {target}; remove it or name another folder"
            )


def _refuse_replaced_inputs(items: tuple[Item, ...]) -> None:
    sources = {os.path.realpath(item.source) for item in items}
    for item in items:
        if os.path.realpath(item.target) in sources:
            raise UsageError(f"{item.target}: would be an output, but is an input; name another folder")

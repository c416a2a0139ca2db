"""Which files to compare, and of what kind each is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from codectool.audio.formats import FORMAT_OF_SUFFIX
from codectool.errors import FileError, UsageError


@dataclass(frozen=True)
class Source:
    """An audio file, the name it has in reports, and its kind.

    The kind is the name of the first subfolder below the folder that was asked for ("speech", "music"); for a
    file with no such subfolder, the name of the folder it lies in.
    """

    path: Path
    name: str
    kind: str


def find_sources(paths: Iterable[Path]) -> list[Source]:
    """List the audio files among these files and in these folders, by path and each once.

    Raises FileError where a path does not exist, and UsageError where nothing is found.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        if not path.exists():
            raise FileError(f"{path}: no such file or folder")
        root, files = (path, audio_files(path)) if path.is_dir() else (path.parent, [path])
        for file in files:
            found.setdefault(file.resolve(), _source(file, root))
    if not found:
        raise UsageError("no audio files found: give WAV, FLAC, Ogg or MP3 files, or folders of them")
    return list(found.values())


def audio_files(folder: Path) -> list[Path]:
    """List the audio files in a folder and all below it, sorted by path, hidden ones left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in FORMAT_OF_SUFFIX and not file.name.startswith(".") and file.is_file()
    )


def match_folders(
    reference_root: Path, decoded_root: Path
) -> tuple[list[tuple[Source, Path]], list[str], list[str]]:
    """Pair the audio files of two folders by their relative paths without suffix.

    Returns `(pairs, unmatched_references, unmatched_decoded)`. Raises UsageError where a folder holds one
    name twice (`a.wav` and `a.flac`) or no two names meet.
    """
    references = _by_stem(reference_root)
    decoded = _by_stem(decoded_root)
    pairs = [
        (_source(path, reference_root), decoded[stem]) for stem, path in references.items() if stem in decoded
    ]
    if not pairs:
        raise UsageError(f"no audio file in {decoded_root} has the name of one in {reference_root}")
    return pairs, sorted(references.keys() - decoded.keys()), sorted(decoded.keys() - references.keys())


def _source(path: Path, root: Path) -> Source:
    relative = path.relative_to(root)
    kind = relative.parts[0] if len(relative.parts) > 1 else path.resolve().parent.name
    return Source(path, relative.as_posix(), kind)


def _by_stem(root: Path) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in audio_files(root):
        stem = path.relative_to(root).with_suffix("").as_posix()
        if stem in stems:
            raise UsageError(f"{stems[stem]} and {path} differ only in suffix: keep one of them")
        stems[stem] = path
    return stems

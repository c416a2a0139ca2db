"""Finding recordings, their kinds, and their decoded versions."""

from __future__ import annotations

import pytest

from codectool.errors import FileError, UsageError
from codectool.quality.sources import find_sources, match_folders


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_kinds_are_the_first_subfolder_or_the_files_own_folder(tmp_path):
    root = touch(tmp_path / "eval", "speech/en/a.wav", "music/b.FLAC", "c.wav", "notes.txt", ".hidden.wav")
    found = {source.name: source.kind for source in find_sources([root])}
    assert found == {"c.wav": "eval", "music/b.FLAC": "music", "speech/en/a.wav": "speech"}
    (alone,) = find_sources([root / "speech" / "en" / "a.wav"])
    assert (alone.name, alone.kind) == ("a.wav", "en")


def test_a_file_named_twice_is_found_once(tmp_path):
    root = touch(tmp_path, "speech/a.wav")
    assert len(find_sources([root, root / "speech" / "a.wav"])) == 1


def test_nothing_there(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        find_sources([tmp_path / "nowhere"])
    with pytest.raises(UsageError, match="no audio files"):
        find_sources([touch(tmp_path, "notes.txt")])


def test_folders_are_matched_by_names_without_suffix(tmp_path):
    references = touch(tmp_path / "references", "speech/a.flac", "speech/b.flac", "music/a.flac")
    decoded = touch(tmp_path / "decoded", "speech/a.wav", "music/a.wav", "other/d.wav")
    pairs, lone_references, lone_decoded = match_folders(references, decoded)
    assert [(source.name, path.name) for source, path in pairs] == [
        ("music/a.flac", "a.wav"),
        ("speech/a.flac", "a.wav"),
    ]
    assert (lone_references, lone_decoded) == (["speech/b"], ["other/d"])


def test_folders_that_cannot_be_matched(tmp_path):
    references = touch(tmp_path / "references", "a.flac")
    with pytest.raises(UsageError, match="has the name of one in"):
        match_folders(references, touch(tmp_path / "others", "b.wav"))
    with pytest.raises(UsageError, match="only in suffix"):
        match_folders(references, touch(tmp_path / "twice", "a.wav", "a.flac"))

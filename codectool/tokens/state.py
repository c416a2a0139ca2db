"""What is known of a data set beside its shards: what it is, which shards are whole, what failed."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codectool.errors import DataError, UsageError
from codectool.files.streams import as_file_error
from codectool.tokens.formats import FORMATS, WRITTEN, Format, state_folder
from codectool.tokens.shards import Shard, Written

DATA_SET = "tokens.json"
INDEX = "index.jsonl"
ERRORS = "errors.jsonl"


class State:
    """What is known of a data set beside its shards: in `.codectool` in its folder, or beside that folder."""

    def __init__(self, target: Path, form: Format) -> None:
        self.target = target
        self.form = form
        self.folder = state_folder(target, form.alone)
        self.open_folder = self.folder if form.alone else target

    def begin(self, facts: dict[str, Any], overwrite: bool) -> None:
        """Make the folders and say what the data set is.

        With `overwrite` all that belongs to the data set that is there is removed before. UsageError if it is
        another one, or for shards or cuts that nothing is known of.
        """
        with as_file_error(self.target):
            self._refuse_strange(overwrite)
            if overwrite:
                for state in self._both():
                    state._remove()
            self.target.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(parents=True, exist_ok=True)
        found = self._found()
        if found is None:
            self._store(self.folder / DATA_SET, json.dumps(facts, indent=1) + "\n")
        elif found != facts:
            name, was, wanted = _difference(found, facts)
            raise UsageError(
                f"{self.target}: was begun with {name} {was}, not {wanted}; "
                "name another folder, or write it anew with `overwrite=True`"
            )

    def _both(self) -> tuple[State, State]:
        """Return this and the one that there would be for formats which keep it in the other place."""
        others = (each for each in FORMATS.values() if each.alone != self.form.alone)
        return self, State(self.target, next(others))

    def _found(self) -> dict[str, Any] | None:
        """Return what the data set is that is there, of whatever format."""
        loaded = (state._load(DATA_SET) for state in self._both())
        return next((facts for facts in loaded if facts is not None), None)

    def _files(self) -> set[Path]:
        """Return the files that belong to the data set that is there, where it has such a format."""
        try:
            name = (self._load(DATA_SET) or {}).get("format")
        except DataError:  # is removed like one whose format is not known
            name = None
        kept = {self.target / kept.stem for kept in self.folder.glob("*.json") if kept.name != DATA_SET}
        return kept | (set(WRITTEN[name].files(self.target)) if name in WRITTEN else set())

    def _refuse_strange(self, overwrite: bool) -> None:
        """Raise UsageError where files of others would be written over: shards, or what lies beside them."""
        shards = self.form.beside(self.target) if overwrite else self.form.files(self.target)
        strange = set(shards).difference(*(state._files() for state in self._both()))
        if strange and (overwrite or self._found() is None):
            how = "" if overwrite else ", or write it anew with `overwrite=True`"
            raise UsageError(f"{min(strange)}: is not known to be of a data set: name another folder{how}")

    def _remove(self) -> None:
        if self.folder.is_dir():
            for path in self._files():
                path.unlink(missing_ok=True)
            shutil.rmtree(self.folder)
            for name in (INDEX, ERRORS):
                (self.open_folder / name).unlink(missing_ok=True)

    def written(self, shard: Shard) -> Written | None:
        """Return what is known of a shard that is there; UsageError if it was made of other recordings."""
        found = self._load(f"{shard.name}.json")
        if found is None or not (self.target / shard.name).is_file():
            return None
        written = Written(**found)
        if written.inputs_sha256 != shard.digest({error["id"] for error in written.errors}):
            raise self._other_recordings(shard.name)
        return written

    def keep(self, written: Written) -> None:
        """Say that a shard is whole."""
        self._store(self.folder / f"{written.shard}.json", json.dumps(asdict(written)) + "\n")

    def conclude(self, names: Iterable[str]) -> bool:
        """Write index and errors if all these shards are there; whoever ends last finds them so.

        Others that end at the same time write the same bytes. UsageError for shards of other recordings, that
        were planned when there were more.
        """
        names = list(names)
        kept = {path.stem for path in self.folder.glob("*.json") if path.name != DATA_SET}
        if old := kept - set(names):
            raise self._other_recordings(min(old))
        lines: list[str] = []
        errors: list[str] = []
        for name in names:
            found = self._load(f"{name}.json")
            if found is None:
                return False
            errors += [json.dumps(each) + "\n" for each in found.pop("errors")]
            lines.append(json.dumps(found) + "\n")
        self._store(self.open_folder / INDEX, "".join(lines))
        if errors:
            self._store(self.open_folder / ERRORS, "".join(errors))
        else:
            (self.open_folder / ERRORS).unlink(missing_ok=True)
        return True

    def _other_recordings(self, name: str) -> UsageError:
        return UsageError(
            f"{self.target / name}: was made of other recordings than now; "
            "name another folder, or write it anew with `overwrite=True`"
        )

    def _load(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            loaded = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: cannot be read ({error}); write the data set anew with `overwrite=True`"
            ) from error
        return loaded if isinstance(loaded, dict) else None

    def _store(self, path: Path, text: str) -> None:
        """Write a small file whole or not at all; any number of processes may do so at once."""
        with as_file_error(path):
            part = self.folder / f".{path.name}.{uuid.uuid4().hex}.part"
            part.write_bytes(text.encode(errors="surrogateescape"))
            part.replace(path)


def _difference(found: dict[str, Any], facts: dict[str, Any]) -> tuple[str, Any, Any]:
    """Return the first fact that differs: its name, what it was, and what it is now."""
    before, now = ({**each, **each.get("description", {})} for each in (found, facts))
    names = [name for name in now if name != "description" and before.get(name) != now[name]]
    name = names[0] if names else "description"
    return name.replace("_", " "), before.get(name), now.get(name)

"""The known models as plain data: what each is, and nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from codectool.errors import UsageError
from codectool.models.absent import ABSENT
from codectool.models.entry import PACKET_S as PACKET_S
from codectool.models.entry import Download as Download
from codectool.models.entry import ModelEntry as ModelEntry
from codectool.models.field_entries import ENTRIES as FIELD_ENTRIES
from codectool.models.own_entries import ENTRIES as OWN_ENTRIES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

PLUGINS = "codectool.models"  # the group of entry points in which other packages offer entries
MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in (*OWN_ENTRIES, *FIELD_ENTRIES)}
DEFAULT_MODEL = "base_24khz"
STEREO_MODEL = "base_48khz"  # what keeps the channels and the band that the default does not


def known_models() -> Iterator[ModelEntry]:
    """Yield the entries of this package's models, then those that other installed packages offer."""
    yield from MODELS.values()
    for plugin in _plugins():
        if plugin.name not in MODELS:
            yield plugin.load()


def is_known(name: str) -> bool:
    """Return whether there is a model of that name."""
    return name in MODELS or name in _plugins().names


def find(name: str) -> ModelEntry:
    """Return the entry of that name; UsageError names the known ones."""
    if name in MODELS:
        return MODELS[name]
    plugins = _plugins()
    if name not in plugins.names:
        if name in ABSENT:
            raise UsageError(f"model {name!r} is not here; {ABSENT[name]}")
        known = ", ".join([*MODELS, *sorted(plugins.names)])
        raise UsageError(f"no model is called {name!r}: the known ones are {known}")
    entry: ModelEntry = plugins[name].load()
    return entry


def _plugins() -> EntryPoints:
    from importlib.metadata import entry_points  # here, for it takes longer to import than to use

    return entry_points(group=PLUGINS)

"""Where the weights of a model are looked for; no torch."""

from __future__ import annotations

import os
from pathlib import Path

from codectool.errors import WeightsError
from codectool.models.registry import ModelEntry

WEIGHTS_VARIABLE = "CODECTOOL_WEIGHTS"
PACKAGE_FOLDER = Path(__file__).parent.parent
DESCRIPTION_SUFFIX = ".graphs.json"  # beside weights, of the ONNX graphs that were made for their shape
PICKLES = (b"PK\x03\x04", b"\x80\x02")  # how files of torch.save begin: a zip archive, before 1.6 a pickle


def cache_folder() -> Path:
    """Return the folder of the weights that were fetched or imported."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codectool"


def weights_places(entry: ModelEntry) -> list[Path]:
    """Return where the weights of a model are looked for, in order, when no file is named."""
    return [
        PACKAGE_FOLDER / "_weights" / entry.weights_file,  # a wheel
        PACKAGE_FOLDER.parent / "weights" / entry.weights_file,  # a clone
        cache_folder() / entry.weights_file,
    ]


def find_weights(entry: ModelEntry, named: Path | None = None) -> Path:
    """Return the weights to use: the named file, else the environment's, else the first place that has any.

    Raises WeightsError, which says where it looked, if there are none.
    """
    if named is None and os.environ.get(WEIGHTS_VARIABLE):
        named = Path(os.environ[WEIGHTS_VARIABLE])
    places = [named] if named is not None else weights_places(entry)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise WeightsError(f"no weights for {entry.name} at {looked}: {how_to_get(entry)}")


def graph_descriptions(entry: ModelEntry, weights: Path | None = None) -> list[Path]:
    """Return where the graphs of a model may be described: beside these weights, or the usual places."""
    places = ([] if weights is None else [weights]) + weights_places(entry)
    return [place.with_suffix(DESCRIPTION_SUFFIX) for place in places]


def has_graphs(entry: ModelEntry) -> bool:
    """Tell whether a model can run without PyTorch."""
    return any(description.is_file() for description in graph_descriptions(entry))


def how_to_get(entry: ModelEntry) -> str:
    """Return a sentence on how to get the weights of a model."""
    if entry.parts:
        return (
            f"`codec models fetch {entry.name}` downloads them, `codec models import` takes a folder of them"
        )
    if entry.download is not None:
        return f"`codec models fetch {entry.name}` downloads them, or give them with `weights=FILE`"
    where = f"get the checkpoint from {entry.page}, and " if entry.page else ""
    return f"{where}give them with `weights=FILE`"


def weights_in_place(entry: ModelEntry) -> Path | None:
    """Return the weights that would be used, or None if there are none."""
    try:
        return find_weights(entry)
    except WeightsError:
        return None


def is_pickled(path: Path) -> bool:
    """Tell whether a file is one of torch.save; WeightsError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(PICKLES)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error

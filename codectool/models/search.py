"""Where the weights of a model are looked for, and which they are; no torch."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from codectool.errors import WeightsError
from codectool.models.registry import ModelEntry

WEIGHTS_VARIABLE = "CODECTOOL_WEIGHTS"
PACKAGE_FOLDER = Path(__file__).parent.parent
CODEBOOKS = "quantizer.codebooks"  # what the tensor is called that makes the fingerprint


def weights_places(entry: ModelEntry) -> list[Path]:
    """Return where the weights of a model are looked for when none are named, in order."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [
        PACKAGE_FOLDER / "_weights" / entry.weights_file,  # a wheel
        PACKAGE_FOLDER.parent / "weights" / entry.weights_file,  # a clone
        cache / "codectool" / entry.weights_file,
    ]


def find_weights(entry: ModelEntry, named: Path | None = None) -> Path:
    """Return the weights to use: those named, else the environment's, else the first place with any."""
    if named is None and os.environ.get(WEIGHTS_VARIABLE):
        named = Path(os.environ[WEIGHTS_VARIABLE])
    places = [named] if named is not None else weights_places(entry)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(place) for place in places)
    raise WeightsError(f"no weights for {entry.name} at {looked}: give them with --weights FILE")


def weights_in_place(entry: ModelEntry) -> Path | None:
    """Return the weights that would be used, or None if there are none."""
    try:
        return find_weights(entry)
    except WeightsError:
        return None


def weights_fingerprint(path: Path) -> bytes:
    """Return what `models.loading` gives as the fingerprint of these weights, without loading them.

    Raises WeightsError when they cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            codebooks = file.get_tensor(CODEBOOKS)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error
    return hashlib.sha256(codebooks.astype("<f4").tobytes()).digest()[:8]

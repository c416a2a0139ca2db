"""The fingerprint of the weights in a file, without torch where that is possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from codectool.errors import WeightsError
from codectool.models.fingerprint import codebook_names, fingerprint_of
from codectool.models.search import is_pickled


def weights_fingerprint(path: Path) -> bytes:
    """Return the fingerprint that a model with these weights would have.

    Files under our own names need no torch. Raises WeightsError when the codebooks cannot be read.
    """
    codebooks = None if is_pickled(path) else _codebooks(path)
    if not codebooks:  # another spelling, or a type that numpy has not
        from codectool.models.identifying import identify

        return identify(path).fingerprint
    return fingerprint_of(codebooks)


def _codebooks(path: Path) -> list[NDArray[Any]] | None:
    """Return the codebooks in a safetensors file, None if they are of a type that numpy has not."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return [file.get_tensor(name) for name in codebook_names(file.keys())]
    except TypeError:
        return None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error

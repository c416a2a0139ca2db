"""The identity of weights: the first 8 bytes of sha256 over the codebooks as float32 little-endian; no torch.

Every naming of a checkpoint gives the same fingerprint, and so does every precision that stores it exactly.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

CODEBOOKS = re.compile(r"(?:.*\.)?quantizer\.(?:.*\.)?codebooks")  # as every quantizer calls them


def codebook_names(names: Iterable[str]) -> list[str]:
    """Return the names of codebooks among our own names of tensors, in the order of their levels."""
    return sorted((name for name in names if CODEBOOKS.fullmatch(name)), key=_numbers_by_value)


def fingerprint_of(codebooks: Iterable[NDArray[Any]]) -> bytes:
    """Return the fingerprint of codebooks, in the order of their levels."""
    digest = hashlib.sha256()
    for codebook in codebooks:
        digest.update(codebook.astype("<f4", order="C", copy=False).data)
    return digest.digest()[:8]


def _numbers_by_value(name: str) -> list[tuple[bool, int, str]]:
    parts = name.split(".")
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]

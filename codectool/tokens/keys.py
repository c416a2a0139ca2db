"""Keys as names of files, and whether a key was met before, among more keys than one would want to hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

HASH_BYTES = 8  # of a million keys, two have the same by chance once in 37 million times


def clean_key(key: str | None) -> str:
    """Return a key as a name that is valid within any folder."""
    parts = (key or "").replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


class Keys:
    """The keys met so far, 8 bytes of memory each: sorted runs, each at most half as long as the last."""

    def __init__(self) -> None:
        self._runs: list[npt.NDArray[np.uint64]] = []

    def add(self, keys: Sequence[str]) -> list[bool]:
        """Take in more keys; return for each whether it was met before, there or earlier among these."""
        digests = (
            hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=HASH_BYTES) for key in keys
        )
        hashes = np.frombuffer(b"".join(digest.digest() for digest in digests), np.uint64)
        run, firsts = np.unique(hashes, return_index=True)
        again = np.ones(len(hashes), bool)
        again[firsts] = False
        for known in self._runs:
            places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            again |= known[places] == hashes
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.union1d(self._runs.pop(), run)
        if len(run):
            self._runs.append(run)
        return [bool(each) for each in again]

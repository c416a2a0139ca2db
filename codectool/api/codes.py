"""Codes as users get them: an array, which knows the loudness of segments where a model has those."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from codectool.sessions.payloads import Payload


class Codes(np.ndarray):  # of any shape that slicing gives
    """Codes `[levels, frames]` of a model that codes in segments, with the loudness of each segment.

    Attributes:
        scales: float32 `[segments]`; each is the factor of its segment's decoded audio.
    """

    scales: npt.NDArray[np.float32] | None = None

    def __array_finalize__(self, other: Any) -> None:
        self.scales = getattr(other, "scales", None)


def joined(payloads: list[Payload], levels: int) -> npt.NDArray[np.uint16]:
    """Return the codes `[levels, frames]` of one stream's payloads in a row, with the scales of segments."""
    pieces = [payload.codes[0] for payload in payloads]
    scales = [payload.scale for payload in payloads if payload.scale is not None]
    codes: npt.NDArray[np.uint16] = np.concatenate([np.zeros((levels, 0), np.uint16), *pieces], axis=1)
    if not scales:
        return codes
    scaled: Any = codes.view(Codes)
    scaled.scales = np.array(scales, np.float32)
    return scaled  # type: ignore[no-any-return]

"""Segments that overlap, faded into each other.

Source: the published code of EnCodec, package `encodec`, utils.py, which uses it for its 48 kHz model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codectool.audio.pcm import Block


@dataclass(frozen=True)
class Overlap:
    """What is kept between segments: weighted sums `[channels, samples]` and their weights `[samples]`."""

    triangle: npt.NDArray[np.float32]  # over the first segment, from which all weights are taken
    held: Block
    held_weight: npt.NDArray[np.float32]


class OverlapAdd:
    """Joins segments `[channels, samples]`, each of which begins `stride` samples after the one before.

    A sample that several segments hold becomes their weighted mean; the weights are a triangle over the
    length of the first segment. No segment is longer than the first. The state is a value, None before the
    first segment.
    """

    def __init__(self, stride: int) -> None:
        self.stride = stride

    def step(self, segment: Block, state: Overlap | None) -> tuple[Block, Overlap]:
        """Take the next segment; return the samples that no later segment changes, and the next state."""
        length = segment.shape[1]
        if state is None:
            state = Overlap(_triangle(length), segment[:, :0], np.zeros(0, np.float32))
        weight = state.triangle[:length]
        total = _sum(state.held, segment * weight)
        total_weight = _sum(state.held_weight, weight)
        ready = total[:, : self.stride] / total_weight[: self.stride]
        return ready, Overlap(state.triangle, total[:, self.stride :], total_weight[self.stride :])

    def finish(self, state: Overlap | None) -> Block | None:
        """Return the samples that are left after the last segment, None if there was no segment."""
        return None if state is None else state.held / state.held_weight


def _triangle(length: int) -> npt.NDArray[np.float32]:
    inner = np.linspace(0, 1, length + 2, dtype=np.float32)[1:-1]
    triangle: npt.NDArray[np.float32] = np.float32(0.5) - np.abs(inner - np.float32(0.5))
    return triangle


def _sum(held: npt.NDArray[np.float32], new: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Add two signals that begin together, the shorter followed by zeros, along the last dimension."""
    total = np.zeros((*new.shape[:-1], max(held.shape[-1], new.shape[-1])), np.float32)
    total[..., : held.shape[-1]] += held
    total[..., : new.shape[-1]] += new
    return total

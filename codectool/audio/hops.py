"""Hop framing: pushes of any length in, whole hops out."""

from __future__ import annotations

import numpy as np

from codectool.audio.pcm import Block


class HopFramer:
    """Cuts a stream of blocks at multiples of `hop_samples`, holding back less than one hop.

    Blocks are `[channels, samples]` with any number of samples, 0 included.
    """

    def __init__(self, hop_samples: int, channels: int = 1) -> None:
        if hop_samples < 1:
            raise ValueError(f"a hop has at least 1 sample, not {hop_samples}")
        self.hop_samples = hop_samples
        self._held = np.zeros((channels, hop_samples), np.float32)
        self._held_samples = 0

    def push(self, block: Block) -> Block:
        """Take a block; gives all hops now complete, perhaps none (they may share memory with `block`)."""
        total_samples = self._held_samples + block.shape[1]
        whole_samples = total_samples - total_samples % self.hop_samples
        if whole_samples == 0:
            self._held[:, self._held_samples : total_samples] = block
            self._held_samples = total_samples
            return block[:, :0]
        cut = whole_samples - self._held_samples
        whole: Block = block[:, :cut]
        if self._held_samples:
            whole = np.concatenate([self._held[:, : self._held_samples], whole], axis=1)
        self._held_samples = total_samples - whole_samples
        self._held[:, : self._held_samples] = block[:, cut:]
        return whole

    def rest(self) -> Block:
        """Give what is left, shorter than a hop, and start anew."""
        rest: Block = self._held[:, : self._held_samples].copy()
        self._held_samples = 0
        return rest

"""Mixing channels."""

from __future__ import annotations

import numpy as np

from codectool.audio.pcm import Block


def mix_to_mono(block: Block) -> Block:
    """The mean of all channels: `[channels, samples]` to `[1, samples]`.

    A mono block is given back as it is.
    """
    channels = block.shape[0]
    if channels == 1:
        return block
    # Channel by channel: numpy's own mean adds in an order that depends on the length and layout of the
    # block, and the same audio must give the same samples however it is cut.
    total: Block = block[:1].copy()
    for channel in range(1, channels):
        total += block[channel]
    total /= channels
    return total


def to_channels(block: Block, channels: int) -> Block:
    """Return a block with so many channels: itself if it has them, else the mean of all, in each."""
    if len(block) == channels:
        return block
    return np.repeat(mix_to_mono(block), channels, axis=0)

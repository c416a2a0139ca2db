"""Mixing channels."""

from __future__ import annotations

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

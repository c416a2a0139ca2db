"""A stream to codes and back as it comes, in memory that does not grow: python examples/stream.py IN OUT"""

from __future__ import annotations

import sys

import soundfile

import codectool

source, target = sys.argv[1:]
model = codectool.load("base_24khz")
with soundfile.SoundFile(source) as recording:
    rate = recording.samplerate
    encoder = model.encoder(rate, bitrate=6000, block_seconds=0.1)  # codes every 0.1 s; 1 s is faster
    decoder = model.decoder(rate, block_seconds=0.1)
    with soundfile.SoundFile(target, "w", rate, channels=1) as output:
        # Blocks may be of any size; the codes are the same.
        for block in recording.blocks(1024, always_2d=True):
            codes = encoder.push(block, channels_last=True)  # what would be sent or kept
            output.write(decoder.push(codes).T)
        output.write(decoder.push(encoder.finish()).T)
        output.write(decoder.finish().T)

"""Encode audio block by block, as it comes: python examples/encode_stream.py IN OUT

The chain stands here in the open: a source gives blocks of audio, a session turns them into codes, a writer
turns codes into packets. None of them holds more than about a second, so IN may be of any length, or `-` for
a pipe that has not ended yet. `codec encode` is the same chain with options around it.
"""

from __future__ import annotations

import sys

from codectool.audio.mix import mix_to_mono
from codectool.audio.resample import Resampler
from codectool.audio.source import open_source
from codectool.container import Header, Writer
from codectool.files.outputs import open_output
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.sessions.streaming import EncoderSession

RATE_BPS = 6000


def encode(source_name: str, target_name: str) -> None:
    """Encode the audio of one file or pipe into another."""
    model = load("base_24khz")
    levels = model.entry.levels_for(RATE_BPS)  # each level refines those before it, and costs as much
    # A model never changes once it is loaded; the session owns all that does. Any number share a model.
    session = EncoderSession(model, levels)
    with open_source(source_name) as source, open_output(target_name) as output:
        resampler = Resampler(source.rate_hz, model.entry.sample_rate_hz, channels=1)
        writer = Writer(output, header(model, levels, source.rate_hz, source.channels))
        samples = 0
        for block in source.blocks():  # float32 [channels, samples], of any length
            samples += block.shape[1]
            codes = session.push(resampler.push(mix_to_mono(block)))
            # [levels, frames]: no frames at most pushes, for the network runs once for a whole second, so
            # that the same audio gives the same codes in whatever pieces it comes.
            writer.write_codes(codes[None])
        writer.write_codes(session.push(resampler.finish())[None])
        writer.write_codes(session.finish()[None])
        # Frames last 320 samples, recordings seldom a multiple of it: the exact length goes into the end.
        writer.finish(samples)


def header(model: LoadedModel, levels: int, rate_hz: int, channels: int) -> Header:
    """Return what a decoder must know: whose codes these are, and what the recording was."""
    entry = model.entry
    return Header(
        model=entry.name,
        fingerprint=model.fingerprint,  # other weights would turn these codes into noise
        model_rate_hz=entry.sample_rate_hz,
        hop_samples=entry.hop_samples,
        bits_per_code=entry.code_bits,
        levels=levels,
        streams=1,
        original_rate_hz=rate_hz,
        original_channels=channels,
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/encode_stream.py IN OUT")
    encode(sys.argv[1], sys.argv[2])

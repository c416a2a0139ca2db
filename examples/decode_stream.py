"""Decode an .ecdc file packet by packet, as it comes: python examples/decode_stream.py IN OUT

The mirror image of encode_stream.py: a reader gives codes, a session turns them into audio, a sink writes
it. IN and OUT may be `-` for a pipe. `codec decode` is the same chain, and fills with silence what was lost.
"""

from __future__ import annotations

import sys

import numpy as np

from codectool.audio.resample import Resampler, resampled_length
from codectool.audio.sink import AudioSink, open_sink
from codectool.container import Gap, Reader
from codectool.errors import DataError, WeightsError
from codectool.files.inputs import open_input
from codectool.models.loading import load
from codectool.sessions.streaming import DecoderSession


def decode(source_name: str, target_name: str) -> None:
    """Decode one file or pipe into the audio of another."""
    with open_input(source_name) as stream:
        reader = Reader(stream)
        model = load(reader.header.model)
        if model.fingerprint != reader.header.fingerprint:
            raise WeightsError("these weights did not make the file")
        with open_sink(target_name, rate_hz=reader.header.original_rate_hz, channels=1) as sink:
            write_audio(reader, DecoderSession(model), sink)


def write_audio(reader: Reader, session: DecoderSession, sink: AudioSink) -> None:
    """Write all the audio, at the recording's own rate and exactly as long as it was."""
    header = reader.header
    resampler = Resampler(header.model_rate_hz, header.original_rate_hz, channels=1)
    # Frames are whole, recordings are not: the last packet says how many samples count. What is written
    # cannot be taken back, so the last hop waits until that packet has come.
    held = np.zeros((1, 0), np.float32)
    given_samples = 0
    for event in reader:
        if isinstance(event, Gap):
            raise DataError(f"the file is damaged: {event.reason}")
        audio = np.concatenate((held, session.push(event.codes[0])), axis=1)
        ready_samples = max(0, audio.shape[1] - header.hop_samples)
        held = audio[:, ready_samples:]
        given_samples += ready_samples
        sink.write(resampler.push(audio[:, :ready_samples]))
    # The session holds back what does not fill a second; this is the rest of it.
    rest = np.concatenate((held, session.finish()), axis=1)
    total_samples = reader.total_samples or 0
    counting_samples = resampled_length(total_samples, header.original_rate_hz, header.model_rate_hz)
    sink.write(resampler.push(rest[:, : counting_samples - given_samples]))
    sink.write(resampler.finish(total_samples))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/decode_stream.py IN OUT")
    decode(sys.argv[1], sys.argv[2])

"""How soon sound is right again after a lost packet: `python -m benchmarks.peers.loss_recovery`.

Speech is coded, one packet of a second is lost at several places, and what is decoded is held against what
would have been: the difference in dB below the undamaged sound, over spans that begin so long after the loss.
The built-in model sees 0.75 s back, and beyond that every sample must be the same. EnCodec's networks have an
LSTM, which forgets, but never wholly; theirs are random weights here (tests.peers.reference), so the figures
show what such a network does and not what the trained ones do.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.machine import write_table
from benchmarks.peers.encodec_equality import signal
from codectool.audio.pcm import Block
from codectool.container import Codes
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.models.registry import find
from codectool.sessions.streaming import DecoderSession, EncoderSession
from tests.peers.reference import ours, random_reference
from tests.small_models import model_of
from tests.streams import decoded, encoded

LEVELS = 8  # 6 kbps
SECONDS = 40
PACKET_FRAMES = 75  # of both models, a second
LOST_PACKETS = (4, 9, 14, 19)
SPAN_EDGES_S = (0.0, 0.05, 0.1, 0.2, 0.5, 0.75, 1, 2, 5, 10, 20)
TABLE = Path(__file__).with_suffix(".csv")


def models() -> list[LoadedModel]:
    """Return the built-in model, and EnCodec's 24 kHz network with random weights."""
    built_in = load("base_24khz", precision="float32")
    name = "encodec_24khz"
    return [built_in, model_of(ours(random_reference(name)), find(name))]


def decoded_with_loss(session: DecoderSession, codes: Codes, packet: int) -> Block:
    """Return what is decoded without one packet, in its place in time."""
    lost = packet * PACKET_FRAMES
    parts = [session.push(codes[:, :lost]), session.conceal()]
    parts.append(np.zeros((1, (PACKET_FRAMES - 1) * session.model.entry.hop_samples), np.float32))
    return np.concatenate([*parts, decoded(session, codes[:, lost + PACKET_FRAMES :], SECONDS * 75)], axis=1)


def measure(model: LoadedModel) -> list[list[object]]:
    """Return a row for each span."""
    rate_hz = model.entry.sample_rate_hz
    audio = signal("speech", SECONDS * rate_hz, rate_hz, 1)[0].numpy()
    codes = encoded(EncoderSession(model, LEVELS), audio, audio.shape[1])
    session = DecoderSession(model)
    whole = decoded(session, codes, codes.shape[1])
    energies = np.zeros((len(SPAN_EDGES_S) - 1, 2))
    for packet in LOST_PACKETS:
        damaged = decoded_with_loss(session, codes, packet)
        first = (packet + 1) * PACKET_FRAMES * model.entry.hop_samples - session.latency_samples
        for row, span_s in zip(energies, pairwise(SPAN_EDGES_S), strict=True):
            start, end = (first + round(edge_s * rate_hz) for edge_s in span_s)
            sound, difference = whole[:, start:end], (whole - damaged)[:, start:end]
            row += np.square(sound, dtype=np.float64).sum(), np.square(difference, dtype=np.float64).sum()
    below_db = [math.inf if lost == 0 else 10 * math.log10(sound / lost) for sound, lost in energies]
    return [
        [model.entry.name, *span_s, f"{decibels:.1f}"]
        for span_s, decibels in zip(pairwise(SPAN_EDGES_S), below_db, strict=True)
    ]


def main() -> None:
    """Measure, print, and write the table."""
    rows: list[list[object]] = [["model", "from_s", "to_s", "difference_below_sound_db"]]
    for model in models():
        rows += measure(model)
    for row in rows:
        print(*row)
    write_table(TABLE, rows)


if __name__ == "__main__":
    main()

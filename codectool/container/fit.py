"""Whether a header fits its model, and a length its frames: one answer for all that read or write.

Both questions need only what the registry knows. Nothing can be said of models that it does not know.
"""

from __future__ import annotations

from codectool.container.opening import AnyHeader
from codectool.container.v0 import HeaderV0
from codectool.models.registry import ModelEntry, find, is_known


def misfit(header: AnyHeader, entry: ModelEntry | None = None) -> str | None:
    """Return what of a header a stream of its model cannot have, None if all fits.

    The model is the one that the header names, unless another entry is given.
    """
    if entry is None:
        if not is_known(header.model):
            return None
        entry = find(header.model)
    facts = [
        ("a sample rate of {} Hz", header.model_rate_hz, entry.sample_rate_hz),
        ("a hop of {} samples", header.hop_samples, entry.hop_samples),
        ("codes of {} bits", header.bits_per_code, entry.code_bits),
        ("scales: {}", header.scaled, entry.scaled),
    ]
    if entry.segment_samples is not None and not isinstance(header, HeaderV0):  # FORMAT.md, 4.8
        facts += [
            ("{} frames a segment", header.frames_per_packet, entry.packet_frames()),
            ("{} streams", header.streams, 1),
        ]
    for text, stated, known in facts:
        if stated != known:
            return f"its header does not fit the model {entry.name}: {text.format(stated)}, not {known}"
    if header.levels not in entry.level_choices:
        return f"its header does not fit the model {entry.name}: {header.levels} levels"
    return None


def heard_channels(header: AnyHeader, entry: ModelEntry) -> int:
    """Return how many channels a file decodes to: the model's in each stream, and of a mono recording one.

    A model of several channels is given a mono recording in each (FORMAT.md, 2.10). Version 0 does not tell.
    """
    return 1 if header.original_channels == 1 else header.streams * entry.channels


def is_overlong(header: AnyHeader, frames: int, total_samples: int) -> bool:
    """Return whether there are more frames than a writer makes of so many samples (FORMAT.md, 5.4)."""
    if isinstance(header, HeaderV0) or not is_known(header.model):
        return False  # the frames of version 0 follow from the length it states
    needed = -(-total_samples * header.model_rate_hz // header.original_rate_hz)
    return needed < decoded_samples(find(header.model), frames) - header.hop_samples


def decoded_samples(entry: ModelEntry, frames: int) -> int:
    """Return how many samples at the model's rate a decoder makes of so many frames."""
    if entry.segment_samples is not None and entry.segment_stride_samples is not None:
        full, rest = divmod(frames, entry.packet_frames())
        last = rest * entry.hop_samples if rest else entry.segment_samples
        before = full if rest else full - 1
        return before * entry.segment_stride_samples + last if frames else 0
    # A stream's latency is what its decoder takes from the front, and the hop that its last samples wait in.
    latency_samples = max(0, entry.latency_samples - entry.hop_samples) if entry.streams else 0
    return frames * entry.hop_samples - latency_samples

"""What runs a network, as sessions see it: arrays and a state go in, arrays and the next state come out.

An engine implements these. The state is a value whose inside only the engine knows. All audio is float32
`[batch, channels, samples]`, all codes uint16 `[batch, levels, frames]`. A step computes on one thread, so
that its sums do not depend on how many there are.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

State: TypeAlias = Any
AudioBatch: TypeAlias = npt.NDArray[np.float32]
CodesBatch: TypeAlias = npt.NDArray[np.uint16]


class EncoderNetwork(Protocol):
    """Audio to codes.

    Attributes:
        channels: channels of the audio, coded together.
        hop_samples: samples a frame; every step but the last is given whole hops.
        look_ahead_samples: samples beyond its own that a frame depends on; steps give codes that much later.
        receptive_field_samples: samples that one frame depends on, None if unbounded.
        first_push_samples: the fewest samples that a stream begins with; a shorter one is only finished.
    """

    channels: int
    hop_samples: int
    look_ahead_samples: int
    receptive_field_samples: int | None
    first_push_samples: int

    def frames_for(self, samples: int) -> int:
        """Return how many frames a stream of so many samples makes."""
        ...

    def prepare(self, levels: int) -> None:
        """Begin to load what so many levels need, while the caller goes on; without, the first step does."""
        ...

    def initial_state(self, batch: int) -> State:
        """Return the state of `batch` streams side by side that have seen nothing."""
        ...

    def step(self, audio: AudioBatch, state: State, levels: int) -> tuple[CodesBatch, State]:
        """Encode whole hops, `[batch, channels, samples]`; return the certain codes and the next state."""
        ...

    def finish(self, audio: AudioBatch, state: State, levels: int) -> CodesBatch:
        """End a stream with audio of any length; return its last codes, `[batch, levels, frames]`."""
        ...


class DecoderNetwork(Protocol):
    """Codes to audio.

    Attributes:
        channels: channels of the audio.
        hop_samples: samples a frame.
        latency_samples: samples that come before the one belonging to the first encoded sample.
        look_ahead_frames: frames beyond its own that a sample depends on; steps give audio that much later.
        receptive_field_frames: frames that one sample depends on, None if unbounded.
        first_push_frames: the fewest frames that a stream begins with; a shorter one is only finished.
    """

    channels: int
    hop_samples: int
    latency_samples: int
    look_ahead_frames: int
    receptive_field_frames: int | None
    first_push_frames: int

    def prepare(self, levels: int) -> None:
        """Begin to load what so many levels need, while the caller goes on; without, the first step does."""
        ...

    def initial_state(self, batch: int) -> State:
        """Return the state of `batch` streams side by side that have seen nothing."""
        ...

    def step(self, codes: CodesBatch, state: State) -> tuple[AudioBatch, State]:
        """Decode codes `[batch, levels, frames]`; return the certain audio and the next state."""
        ...

    def finish(self, codes: CodesBatch, state: State) -> AudioBatch:
        """End a stream with any number of frames; return its last audio, `[batch, channels, samples]`."""
        ...


class SegmentNetwork(Protocol):
    """A model that codes segments, each by itself and with the loudness that it had."""

    def encode_segment(self, audio: npt.NDArray[np.float32], levels: int) -> tuple[CodesBatch, float]:
        """Return codes `[levels, frames]` and the scale of a segment `[channels, samples]`."""
        ...

    def decode_segment(self, codes: CodesBatch, scale: float) -> npt.NDArray[np.float32]:
        """Return the audio `[channels, samples]` of a segment's codes `[levels, frames]`."""
        ...

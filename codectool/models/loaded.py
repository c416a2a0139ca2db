"""A model that is ready to run, on whichever engine; no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from codectool.engines.network import DecoderNetwork, EncoderNetwork, SegmentNetwork
from codectool.models.registry import ModelEntry


@dataclass(frozen=True)
class LoadedModel:
    """A model with its weights, read-only.

    Attributes:
        entry: what the registry says of the model.
        encoder, decoder: the two halves, run by an engine.
        identify: gives the identity of its codebooks, 8 bytes, which takes a while to compute.
        weights_path: the file of its weights.
        joined_levels: the numbers of levels with which blocks computed together, and streams side by side,
            give the same bits as one by one on this machine.
        segments: the same model by segments, if it codes in segments; `encoder` and `decoder` are not used
            then.
        engine: the name of the engine.
        precision: the type of large products, float32 or bfloat16.
    """

    entry: ModelEntry
    encoder: EncoderNetwork
    decoder: DecoderNetwork
    identify: Callable[[], bytes]
    weights_path: Path
    joined_levels: frozenset[int] = frozenset()
    segments: SegmentNetwork | None = None
    engine: str = "torch"
    precision: str = "float32"

    @cached_property
    def fingerprint(self) -> bytes:
        """The identity of its codebooks, 8 bytes."""
        return self.identify()

    def decodes(self, fingerprint: bytes, levels: int) -> bool:
        """Return whether codes of weights with this fingerprint, of so many levels, mean the same here.

        That is so for its own, and for the first levels of earlier weights that the released ones still have.
        """
        if fingerprint == self.fingerprint:
            return True
        return self.fingerprint == self.entry.fingerprint and levels <= self.entry.earlier.get(fingerprint, 0)

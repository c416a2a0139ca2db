"""A model that is ready to run, whatever engine runs it; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codectool.engines.network import DecoderNetwork, EncoderNetwork, SegmentNetwork
from codectool.models.registry import ModelEntry


@dataclass(frozen=True)
class LoadedModel:
    """A model with its weights, read-only.

    Attributes:
        entry: what the model is.
        encoder, decoder: its two halves, run by an engine.
        fingerprint: identifies its codebooks.
        weights_path: the file they came from.
        joins_blocks: whether blocks computed together, and streams side by side, give the same bits here as
            one by one.
        segments: the same model by segments, if it codes so; then `encoder` and `decoder` are not used.
        engine: the name of the engine.
        precision: of large products, float32 or bfloat16.
    """

    entry: ModelEntry
    encoder: EncoderNetwork
    decoder: DecoderNetwork
    fingerprint: bytes
    weights_path: Path
    joins_blocks: bool = False
    segments: SegmentNetwork | None = None
    engine: str = "torch"
    precision: str = "float32"

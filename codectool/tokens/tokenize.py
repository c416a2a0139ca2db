"""A callable for other data libraries: a batch of recordings in, a batch of tokens out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from codectool.audio.pcm import Block
from codectool.audio.readers import AudioSource
from codectool.audio.source import open_bytes
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.tokens.encoding import describe, encode_inputs
from codectool.tokens.items import Input, Place
from codectool.tokens.layouts import laid_out, vocabulary_of
from codectool.tokens.records import Description, Record

LIKELY_CHANNELS = 8  # more, and fewer samples than that, are samples put in the place of channels


class Tokenize:
    """Turns a column of recordings into columns of tokens, a batch at a time.

    It works in `ray.data.Dataset.map_batches(Tokenize, ...)` and in `datasets.Dataset.map(Tokenize(),
    batched=True)` as it is. A recording is the bytes of an audio file, its path, a dictionary with `bytes` or
    `path`, or one with `array` (floats, int16 or int32 `[samples]` or `[channels, samples]`) and
    `sampling_rate`.

    The column of audio becomes `codes` (int16 or int32 `[levels, frames]`, or the shape of the layout),
    `frames`, `samples`, `sample_rate_hz`, `channels`, and `error`, which says why a recording has no codes
    and is else empty. The other columns stay. The model is loaded with the first batch.

    Raises UsageError for a model, a rate, levels or a layout that does not exist.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        audio: str = "audio",
        bitrate: float | None = None,
        levels: int | None = None,
        layout: str = "parallel",
        weights: str | Path | None = None,
        device: str = "cpu",
        precision: str = "auto",
        engine: str = "auto",
    ) -> None:
        entry = find(model)
        self.levels = entry.levels_for(bitrate) if levels is None else levels
        entry.check_levels(self.levels)
        vocabulary_of(layout, (entry.codebook_size,) * self.levels)
        self.model = model
        self.audio = audio
        self.layout = layout
        self.weights = None if weights is None else Path(weights)
        self.device = device
        self.precision = precision
        self.engine = engine
        self._loaded: tuple[LoadedModel, Description] | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return a batch, a sequence for each column, with tokens in the place of audio."""
        model, description = self._load()
        inputs = [_input(number, audio) for number, audio in enumerate(batch[self.audio])]
        none = np.zeros((self.levels, 0), description.dtype)
        columns: dict[str, Any] = {name: values for name, values in batch.items() if name != self.audio}
        rows = []
        for came in encode_inputs(inputs, model, description):
            record = came if isinstance(came, Record) else Record("", none, 0, 0, 0)
            assert record.codes is not None
            codes = record.codes.astype(description.dtype)
            rows.append(
                {
                    "codes": laid_out(codes, self.layout, description.codebook_sizes),
                    "frames": codes.shape[1],
                    "samples": record.samples,
                    "sample_rate_hz": record.sample_rate_hz,
                    "channels": record.channels,
                    "error": "" if isinstance(came, Record) else came[1],
                }
            )
        for name in ("codes", "frames", "samples", "sample_rate_hz", "channels", "error"):
            columns[name] = [row[name] for row in rows]
        return columns

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model out: a copy in another process loads its own."""
        return {**self.__dict__, "_loaded": None}

    def _load(self) -> tuple[LoadedModel, Description]:
        if self._loaded is None:
            model = load(self.model, self.weights, self.device, self.precision, self.engine)
            self._loaded = model, describe(model, self.levels, self.device)
        return self._loaded


@dataclass(frozen=True)
class BytesPlace(Place):
    """A whole audio file that is in memory."""

    data: bytes = b""

    def open_audio(self, name: str) -> AudioSource:
        return open_bytes(self.data, name)


@dataclass(frozen=True)
class ArrayPlace(Place):
    """Samples that are in memory already, `[channels, samples]`."""

    audio: Block = field(default_factory=lambda: np.zeros((1, 0), np.float32))
    rate_hz: int = 1

    def open_audio(self, name: str) -> AudioSource:
        return ArraySource(name, self.rate_hz, self.audio)


class ArraySource(AudioSource):
    """Samples in memory as a source of audio."""

    def __init__(self, name: str, rate_hz: int, audio: Block) -> None:
        super().__init__(name, rate_hz, len(audio), audio.shape[1])
        self._audio = audio
        self._read_samples = 0

    def _read(self, samples: int) -> Block:
        block = self._audio[:, self._read_samples : self._read_samples + samples].astype(np.float32)
        self._read_samples += block.shape[1]
        return block


def _block(values: Any) -> Block:
    """Return samples as floats `[channels, samples]`; ValueError for what is none."""
    array = np.atleast_2d(np.asarray(values))
    if array.dtype in (np.int16, np.int32):
        array = array * 2.0 ** (1 - 8 * array.itemsize)
    if array.dtype.kind != "f" or array.ndim != 2 or len(array) > max(array.shape[1], LIKELY_CHANNELS):
        raise ValueError(
            f"{array.dtype} {array.shape}: give floats or int16, [samples] or [channels, samples]"
        )
    if not np.isfinite(array).all():
        raise ValueError("it has values that are not finite")
    return array.astype(np.float32)


def _input(number: int, audio: Any) -> Input:
    """Return one cell of a column of audio as an input; one that is none of the known kinds has a problem."""
    key = str(number)
    if isinstance(audio, Mapping):
        if audio.get("bytes") is not None:
            return Input(key, BytesPlace("", data=audio["bytes"]))
        if audio.get("array") is not None:
            try:
                place = ArrayPlace("", audio=_block(audio["array"]), rate_hz=int(audio["sampling_rate"]))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                return Input(key, problem=f"holds no array with a sampling_rate ({error!r})")
            return Input(key, place)
        audio = audio.get("path")
    if isinstance(audio, bytes):
        return Input(key, BytesPlace("", data=audio))
    if isinstance(audio, str):
        return Input(key, Place(audio))
    return Input(key, problem=f"holds no audio, but {type(audio).__name__}")

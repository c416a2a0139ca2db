"""The content of a shard: one description of how its codes were made, and a record for each recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from typing import Any

import numpy as np

from codectool.errors import DataError
from codectool.tokens.layouts import Codes, code_dtype

VERSION = 1  # of what a shard says about itself


@dataclass(frozen=True)
class Description:
    """How the codes of a data set were made; no clock and no path.

    Attributes:
        model: name of the model.
        fingerprint: first 8 bytes of sha256 over its codebooks, in hexadecimal.
        model_rate_hz: sample rate of the model.
        hop_samples: samples of the model's rate in a frame.
        codebook_sizes: number of codes of each stored level.
        segment_frames: frames in a segment of a model that codes in segments, each with its scale; else None.
        engine: what ran the network.
        precision: of its large products.
        device: where it ran.
        tool: what made the codes, with its version.
    """

    model: str
    fingerprint: str
    model_rate_hz: int
    hop_samples: int
    codebook_sizes: tuple[int, ...]
    segment_frames: int | None
    engine: str
    precision: str
    device: str
    tool: str

    @property
    def levels(self) -> int:
        """The number of levels that are stored; the model may have more."""
        return len(self.codebook_sizes)

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second."""
        return Fraction(self.model_rate_hz, self.hop_samples)

    @property
    def dtype(self) -> type[np.int16] | type[np.int32]:
        """The type in which codes are stored."""
        return code_dtype(max(self.codebook_sizes))

    def facts(self) -> dict[str, Any]:
        """Return the description as JSON has it.

        It also has the number of levels, the frame rate and the type, which follow from the rest.
        """
        derived = {
            "version": VERSION,
            "levels": self.levels,
            "frame_rate": [self.frame_rate.numerator, self.frame_rate.denominator],
            "dtype": np.dtype(self.dtype).name,
        }
        return derived | asdict(self) | {"codebook_sizes": list(self.codebook_sizes)}

    @classmethod
    def from_facts(cls, facts: Any) -> Description:
        """Return the description that has these facts; DataError when they are not those of one."""
        try:
            if facts["version"] != VERSION:
                raise DataError(
                    f"holds tokens of version {facts['version']}, which this version does not know"
                )
            given = {each.name: facts[each.name] for each in fields(cls)}
            given["codebook_sizes"] = tuple(int(size) for size in given["codebook_sizes"])
            description = cls(**given)
            numbers = (description.model_rate_hz, description.hop_samples, *description.codebook_sizes)
            if not all(type(number) is int and number > 0 for number in numbers) or not description.levels:
                raise DataError(f"its description does not fit a model: {facts}")
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("holds no description as `codec tokenize` writes it") from error
        return description


FACTS = ("id", "samples", "sample_rate_hz", "channels", "duration_s", "frames", "scales")
RESERVED = (*FACTS, "codes", "audio_codes", "codes_path", "codectool")  # fields of inputs that give way


@dataclass(frozen=True, eq=False)
class Record:
    """The codes `[levels, frames]` of one recording, and what gives back its exact length.

    `samples`, `sample_rate_hz` and `channels` are the original's. `scales` are those of segments. `fields`
    came with the input and are passed through. A record without codes stands for a recording that failed.
    """

    key: str
    codes: Codes | None
    samples: int = 0
    sample_rate_hz: int = 1
    channels: int = 1
    scales: tuple[float, ...] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return self.samples / self.sample_rate_hz

    def row(self) -> dict[str, Any]:
        """Return everything but the codes, as JSON has it."""
        assert self.codes is not None
        own = {
            "id": self.key,
            "samples": self.samples,
            "sample_rate_hz": self.sample_rate_hz,
            "channels": self.channels,
            "duration_s": self.duration_s,
            "frames": self.codes.shape[1],
        }
        scales = {} if self.scales is None else {"scales": list(self.scales)}
        passed = {name: value for name, value in self.fields.items() if name not in RESERVED}
        return {**passed, **own, **scales}

    @classmethod
    def from_row(cls, row: Mapping[str, Any], codes: Codes) -> Record:
        """Return the record of a row and its codes; DataError when a value is missing or does not fit."""
        try:
            numbers = [row[name] for name in ("samples", "sample_rate_hz", "channels", "frames")]
            scales = row.get("scales")
            record = cls(
                key=str(row["id"]),
                codes=codes,
                samples=numbers[0],
                sample_rate_hz=numbers[1],
                channels=numbers[2],
                scales=None if scales is None else tuple(float(scale) for scale in scales),
                fields={name: value for name, value in row.items() if name not in FACTS},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{row}: is not a row as `codec tokenize` writes it") from error
        if (
            not all(type(number) is int for number in numbers)
            or record.samples < 0
            or record.sample_rate_hz < 1
        ):
            raise DataError(f"{record.key}: its length or its rate cannot be: {numbers}")
        if codes.ndim != 2 or codes.dtype.kind not in "iu" or codes.shape[1] != numbers[3]:
            raise DataError(f"{record.key}: {codes.dtype} codes {codes.shape} are not {numbers[3]} frames")
        return record

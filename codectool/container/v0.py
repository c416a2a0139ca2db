"""Version 0, EnCodec's own layout: its header, and what follows from it (FORMAT.md, section 10)."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codectool.errors import DataError, UsageError
from codectool.files.byte_reader import ByteReader
from codectool.models.registry import MODELS, ModelEntry

MAGIC = b"ECDC\x00"  # with the version
LENGTH = struct.Struct(">I")  # of the JSON text
TEXT_LIMIT_BYTES = 1024  # EnCodec writes about 60
SAMPLES_LIMIT = 2**40  # more than a year at 24 kHz
MODEL_NAMES = ("encodec_24khz", "encodec_48khz")  # all that version 0 was made for


@dataclass(frozen=True)
class HeaderV0:
    """What a version 0 file says about itself; impossible values raise UsageError.

    The other facts that `Header` has follow from the model. The file does not say which weights made it.

    Attributes:
        model: `encodec_24khz` or `encodec_48khz`.
        total_samples: length at the model's rate, at most 2 ** 40.
        levels: codes a frame, from 1 to what the model has.
        language_model: whether the codes are entropy-coded with EnCodec's language model.
    """

    model: str
    total_samples: int
    levels: int
    language_model: bool = False

    version = 0
    fingerprint = None
    streams = 1  # both channels of encodec_48khz are coded together
    frames_per_packet = 75  # there are no packets; as many frames are worth decoding at once

    def __post_init__(self) -> None:
        if self.model not in MODEL_NAMES:
            raise UsageError(f"version 0 files are for {' and '.join(MODEL_NAMES)}, not for {self.model!r}")
        self.entry.check_levels(self.levels)
        if not 0 <= self.total_samples <= SAMPLES_LIMIT:
            raise UsageError(f"{self.total_samples} samples cannot be: 0 to {SAMPLES_LIMIT} can")

    @property
    def entry(self) -> ModelEntry:
        """The model, as the registry knows it."""
        return MODELS[self.model]

    @property
    def model_rate_hz(self) -> int:
        """Sample rate of the model."""
        return self.entry.sample_rate_hz

    @property
    def original_rate_hz(self) -> int:
        """Sample rate of the recording; the file knows only the model's."""
        return self.entry.sample_rate_hz

    @property
    def original_channels(self) -> int:
        """Channels of the recording; the file knows only the model's."""
        return self.entry.channels

    @property
    def hop_samples(self) -> int:
        """Model samples a frame."""
        return self.entry.hop_samples

    @property
    def bits_per_code(self) -> int:
        """Bits of a code without entropy coding."""
        return self.entry.code_bits

    @property
    def nominal_bps(self) -> float:
        """Rate of the codes alone, without entropy coding."""
        return self.levels * self.entry.level_bps

    @property
    def scaled(self) -> bool:
        """Whether each segment carries a scale."""
        return self.entry.segment_samples is not None

    @property
    def encodec_reads(self) -> bool:
        """Whether EnCodec itself reads such a file.

        It reads no empty file. It also computes the frames with floats, takes 42.000000000000006 frames for
        43, and fails on such lengths.
        """
        frame_rate = math.ceil(self.entry.frame_rate_hz)
        theirs = (math.ceil(n / self.model_rate_hz * frame_rate) for n in self._segment_samples())
        return self.total_samples > 0 and list(theirs) == list(self.segments())

    def segments(self) -> Iterator[int]:
        """Yield the frames of each segment; a model without segments has one, unless there are no samples."""
        return (-(-samples // self.hop_samples) for samples in self._segment_samples())

    def _segment_samples(self) -> Iterator[int]:
        size = self.entry.segment_samples or self.total_samples
        for start in range(0, self.total_samples, self.entry.segment_stride_samples or size or 1):
            yield min(size, self.total_samples - start)

    def to_bytes(self) -> bytes:
        """Return the header as EnCodec writes it."""
        fields = {"m": self.model, "al": self.total_samples, "nc": self.levels, "lm": self.language_model}
        text = json.dumps(fields).encode()
        return MAGIC + LENGTH.pack(len(text)) + text


def read_header_v0(source: ByteReader) -> HeaderV0:
    """Take the header from the bytes of a file.

    Raises DataError if it is cut, not of version 0, or does not say what it must.
    """
    size = len(MAGIC) + LENGTH.size
    start = source.read_fully(size)
    if len(start) == size and start.startswith(MAGIC):
        (length,) = LENGTH.unpack_from(start, len(MAGIC))
        if length > TEXT_LIMIT_BYTES:
            raise DataError(f"a header of {length} bytes is claimed, {TEXT_LIMIT_BYTES} at most can be")
        text = source.read_fully(length)
        if len(text) == length:
            return _parse(text)
        start += text
    elif not MAGIC.startswith(start[: len(MAGIC)]):
        raise DataError("not an .ecdc file of version 0")
    raise DataError(f"the file ends inside its header, at byte {len(start)}: get it again")


def _parse(text: bytes) -> HeaderV0:
    try:
        fields = json.loads(text.decode())
    except (ValueError, RecursionError) as error:  # also for bad UTF-8
        raise DataError("the file header is not JSON: get the file again") from error
    if not isinstance(fields, dict):
        raise DataError("the file header is JSON, but no object: get the file again")
    model = _field(fields, "m", str)
    samples = _field(fields, "al", int)
    levels = _field(fields, "nc", int)
    language_model = _field(fields, "lm", bool)
    try:
        return HeaderV0(model, samples, levels, language_model)
    except UsageError as error:
        raise DataError(f"the file header is impossible: {error}") from error


def _field(fields: dict[str, Any], name: str, kind: type) -> Any:
    """Return a field of exactly that type: EnCodec would take `"lm": "no"` for yes, true for one level."""
    if name not in fields:
        raise DataError(f"the file header has no {name!r}, as EnCodec's own layout must")
    value = fields[name]
    if type(value) is not kind:
        raise DataError(f"the file header's {name!r} is a {type(value).__name__}, not a {kind.__name__}")
    return value

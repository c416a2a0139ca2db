"""The reader of version 0: bytes in, codes and gaps out, as `Reader` gives them (FORMAT.md, section 10)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

import numpy as np

from codectool.container.bits import Codes
from codectool.container.header import SCALE
from codectool.container.reader import GAPS_KEPT, Audio, Event, Gap
from codectool.container.v0 import HeaderV0, read_header_v0
from codectool.container.v0_codes import Predictor, unpack_plain, unpack_predicted
from codectool.errors import DataError, UsageError, WeightsError
from codectool.files.byte_reader import CHUNK_BYTES, ByteReader

LanguageModelFinder: TypeAlias = Callable[[HeaderV0], Predictor]


class ReaderV0:
    """Reads one version 0 file, once; iterating yields Audio and Gap in the order of time.

    The stream may be a pipe that gives a byte at a time; `start` is what was read of it already. It is read
    ahead, and never closed. A damaged or foreign header raises DataError here. Damage further on is a Gap, as
    far as it can be seen without checksums. The stream's own errors pass through.

    `language_model` is called for the model that entropy-coded codes need; without it, iterating over such a
    file raises WeightsError. The attributes are those of Reader. Each Audio of a model with segments is a
    segment, with its scale.
    """

    def __init__(
        self, stream: BinaryIO, start: bytes = b"", language_model: LanguageModelFinder | None = None
    ) -> None:
        self._source = ByteReader(stream, ahead=start)
        self.header = read_header_v0(self._source)
        self.total_samples: int | None = None
        self.tags: dict[str, str] = {}
        self.gaps: list[Gap] = []
        self.gap_count = 0
        self.packets = 0
        self.complete = False
        self._find_language_model = language_model
        self._next_frame = 0
        self._damage: str | None = None

    @property
    def bytes_read(self) -> int:
        """The bytes of the file read so far; after the end, its size without foreign bytes behind it."""
        return self._source.position

    def __iter__(self) -> Iterator[Event]:
        predictor = self._predictor()
        for frames in self.header.segments():
            end = self._next_frame + frames
            scale = self._read_scale()
            for codes in self._pieces(frames, predictor):
                if scale is None or (0 < scale < math.inf):
                    yield Audio(self._next_frame, codes[None], scale)
                else:
                    yield self._gap(codes.shape[1], f"the scale of a segment is {scale}")
                self._next_frame += codes.shape[1]
            if self._next_frame < end:
                yield self._gap(None, self._damage or f"the file ends at byte {self._source.position}")
                return
            if self._damage:
                yield self._gap(0, self._damage)
                self._damage = None
        self.total_samples = self.header.total_samples
        if self._source.fill(1):
            yield self._gap(0, f"foreign bytes follow from byte {self._source.position} on")
        self.complete = self.gap_count == 0

    def report(self, first_frame: int, reason: str) -> None:
        """Count damage that costs no codes, and that only a user of the codes can see."""
        self._count(Gap(first_frame, 0, reason))
        self.complete = False

    def seek(self, frame: int) -> None:
        """Raise UsageError: version 0 has no packets, and its networks depend on the whole past."""
        raise UsageError(f"frame {frame} of a version 0 file cannot be sought: read it from the start")

    def pass_over(self) -> None:
        """Read to the end without looking at the codes, which needs no language model."""
        while self._source.fill(1):
            self._source.skip(min(CHUNK_BYTES, len(self._source.ahead)))

    def _predictor(self) -> Predictor | None:
        if not self.header.language_model:
            return None
        if self._find_language_model is None:
            raise WeightsError("coded with EnCodec's language model, without which no code can be read")
        return self._find_language_model(self.header)

    def _read_scale(self) -> float | None:
        if not self.header.scaled:
            return None
        if not self._source.fill(SCALE.size):
            self._source.skip(len(self._source.ahead))
            return None
        (scale,) = SCALE.unpack_from(self._source.ahead)
        self._source.skip(SCALE.size)
        return float(scale)

    def _pieces(self, frames: int, predictor: Predictor | None) -> Iterator[Codes]:
        """Yield the codes of a segment, together if it has a scale; note damage instead of raising it."""
        if predictor is None:
            pieces = unpack_plain(self._source, self.header.levels, frames)
        else:
            pieces = unpack_predicted(self._source, self.header.levels, frames, predictor)
        together: list[Codes] = []
        try:
            for codes in pieces:
                if self.header.scaled:
                    together.append(codes)
                else:
                    yield codes
        except DataError as error:
            self._damage = str(error)
        if together:
            yield np.concatenate(together, axis=1)

    def _gap(self, frames: int | None, reason: str) -> Gap:
        gap = Gap(self._next_frame, frames, reason)
        self._count(gap)
        return gap

    def _count(self, gap: Gap) -> None:
        self.gap_count += 1
        if len(self.gaps) < GAPS_KEPT:
            self.gaps.append(gap)

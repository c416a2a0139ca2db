"""The writer of version 0: codes in, the bytes that EnCodec writes out (FORMAT.md, section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from codectool.container.bits import check_codes, check_scale
from codectool.container.header import SCALE
from codectool.container.v0 import HeaderV0
from codectool.container.v0_codes import PlainPacker, PredictedPacker, Predictor
from codectool.container.writer import write_all
from codectool.errors import UsageError


class WriterV0:
    """Writes one version 0 file, all of it when it is finished, since its length stands first.

    Until then the packed codes are kept, 750 bytes a second at 6 kbps. With a language model they are
    entropy-coded. The stream is flushed at the end, and never closed. Its errors pass through.

    Attributes:
        bytes_written: size of the file; 0 until it is finished.
    """

    def __init__(
        self, stream: BinaryIO, model: str, levels: int, language_model: Predictor | None = None
    ) -> None:
        self.bytes_written = 0
        self._stream = stream
        self._header = HeaderV0(model, 0, levels)  # raises what is wrong before any work is done
        self._language_model = language_model
        self._body = bytearray()
        self._packer = self._new_packer()
        self._segments: list[int] = []  # the frames of each
        self._finished = False

    def write_codes(self, codes: npt.NDArray[np.integer], scale: float | None = None) -> None:
        """Write codes `[1, levels, frames]`; for a model with segments they are one segment, with its scale.

        Raises UsageError, and keeps nothing, if the shape, a code or the scale is not the model's.
        """
        header = self._header
        if self._finished:
            raise UsageError("the file is finished already")
        check_codes(codes, header.streams, header.levels, header.bits_per_code)
        check_scale(scale, header.scaled)
        if scale is not None:
            self._body += SCALE.pack(scale)
        if scale is not None or not self._segments:
            self._segments.append(0)
        self._segments[-1] += codes.shape[2]
        self._body += self._packer.push(codes[0].astype(np.uint16))
        if scale is not None:
            self._end_segment()

    def finish(self, total_samples: int, tags: Mapping[str, str] | None = None) -> None:
        """Write the file, of a recording of `total_samples` samples at the model's rate.

        Tags are lost, since version 0 has no place for them. Raises UsageError, and writes nothing, if so
        many samples do not have the frames that were written.
        """
        if self._finished:
            raise UsageError("the file is finished already")
        header = HeaderV0(
            self._header.model, total_samples, self._header.levels, self._language_model is not None
        )
        if [frames for frames in self._segments if frames] != list(header.segments()):
            raise UsageError(f"{sum(self._segments)} frames do not stand for {total_samples} samples")
        self._end_segment()
        self.bytes_written = write_all(self._stream, header.to_bytes() + self._body)
        self._stream.flush()
        self._finished = True

    def _new_packer(self) -> PlainPacker | PredictedPacker:
        if self._language_model is None:
            return PlainPacker(self._header.levels)
        return PredictedPacker(self._language_model)

    def _end_segment(self) -> None:
        self._body += self._packer.finish()
        self._packer = self._new_packer()

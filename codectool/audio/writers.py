"""The writers behind audio sinks: PCM with or without a WAV header, and whatever libsndfile writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from codectool.audio.formats import CallbackFile
from codectool.audio.pcm import Block, PcmCoding, quantise
from codectool.audio.tags import TAG_NAMES
from codectool.audio.wav_writer import info_chunk, wav_header
from codectool.errors import FileError, UsageError

# Subtypes that libsndfile stores as integers: rounded and clipped here, so that all formats agree to the bit.
BITS_OF_SUBTYPE = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAC_16": 16,
    "ALAC_20": 20,
    "ALAC_24": 24,
    "ALAC_32": 32,
}
# Subtypes that hold samples beyond -1..1; all others clip.
UNCLIPPED_SUBTYPES = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III")
NEVER_EMPTY = {
    "FLAC",
    "MPEG_LAYER_III",
    "OPUS",
}  # without a sample libsndfile writes no file that can be read
PIECE_SAMPLES = 1 << 13  # libsndfile's Vorbis encoder takes a whole write on the stack


class Writer(Protocol):
    """Writes blocks `[channels, samples]`; `finish` completes the file, `close` only lets go of it."""

    def write(self, block: Block) -> int:
        """Write a block; gives how many samples were clipped."""

    def add_tags(self, tags: dict[str, str]) -> bool:
        """Take tags to write last; False where they have to come first, or have no place."""

    def finish(self) -> None:
        """Write what must come last."""

    def close(self) -> None:
        """Release what is held, after `finish` or instead of it."""


class RawWriter:
    """Headerless PCM."""

    def __init__(self, file: BinaryIO, coding: PcmCoding) -> None:
        self._file = file
        self._coding = coding
        self._written_bytes = 0

    def write(self, block: Block) -> int:
        """Write a block; gives how many samples were clipped."""
        data, clipped_samples = self._coding.encode(block)
        self._file.write(data)
        self._written_bytes += len(data)
        return clipped_samples

    def add_tags(self, tags: dict[str, str]) -> bool:
        """Tags have no place here."""
        return False

    def finish(self) -> None:
        """Nothing comes last."""

    def close(self) -> None:
        """Nothing is held."""


class WavWriter(RawWriter):
    """WAV: a seekable file gets its sizes filled in at the end, a pipe has none; beyond 4 GiB it is RF64."""

    def __init__(
        self, file: BinaryIO, coding: PcmCoding, rate_hz: int, channels: int, tags: dict[str, str]
    ) -> None:
        super().__init__(file, coding)
        self._rate_hz = rate_hz
        self._channels = channels
        self._tags = tags
        self._late_tags: dict[str, str] = {}
        self._seekable = file.seekable()
        file.write(self._header(None))

    def add_tags(self, tags: dict[str, str]) -> bool:
        """Take tags to write behind the samples of a file; behind those of a pipe they would be sound."""
        self._late_tags = tags
        return self._seekable

    def finish(self) -> None:
        """Write tags that came late, and fill in the sizes."""
        if self._seekable:
            self._file.write(b"\0" * (self._written_bytes % 2) + info_chunk(self._late_tags))
            self._file.seek(0)
            self._file.write(self._header(self._written_bytes))

    def _header(self, data_bytes: int | None) -> bytes:
        return wav_header(
            self._coding,
            self._rate_hz,
            self._channels,
            self._tags,
            data_bytes,
            room_for_64=self._seekable,
            bytes_after=len(info_chunk(self._late_tags)),
        )


class SoundfileWriter:
    """Any format and subtype libsndfile writes; UsageError when not at this rate or with these channels."""

    def __init__(
        self,
        file: BinaryIO,
        format_name: str,
        subtype: str,
        rate_hz: int,
        channels: int,
        tags: dict[str, str],
    ) -> None:
        import soundfile

        self._file = CallbackFile(file)
        self._format_name = format_name
        self._subtype = subtype
        self._is_empty = True
        try:
            self._sound = soundfile.SoundFile(self._file, "w", rate_hz, channels, subtype, format=format_name)
        except soundfile.SoundFileError as error:
            self._raise_file_error()
            what = f"{format_name} {subtype} of {channels} channels at {rate_hz} Hz"
            raise UsageError(f"{what} cannot be written; choose another format or `subtype`") from error
        for tag in TAG_NAMES:
            if tags.get(tag):
                self._set_tag(tag, tags[tag])

    def write(self, block: Block) -> int:
        """Write a block; gives how many samples were clipped."""
        bits = BITS_OF_SUBTYPE.get(self._subtype)
        clipped_samples = 0
        if bits is not None:
            levels, clipped_samples = quantise(block, bits)
            values = levels << (32 - bits)  # libsndfile takes the upper bits
        elif self._subtype in UNCLIPPED_SUBTYPES:
            values = block.T
        else:
            clipped_samples = int(block.size - np.count_nonzero(np.abs(block) <= 1))
            values = np.clip(np.nan_to_num(block.T, nan=0.0), -1, 1)
        for start in range(0, len(values), PIECE_SAMPLES):
            self._is_empty = False
            self._write_piece(np.ascontiguousarray(values[start : start + PIECE_SAMPLES]))
        return clipped_samples

    def add_tags(self, tags: dict[str, str]) -> bool:
        """Most formats have tags at their beginning."""
        return False

    def finish(self) -> None:
        """Let libsndfile complete the file; UsageError where it would be empty and the format cannot be."""
        if self._is_empty and not NEVER_EMPTY.isdisjoint((self._format_name, self._subtype)):
            raise UsageError(f"{self._format_name} cannot hold an empty recording; write WAV instead")
        self._sound.close()
        self._raise_file_error()

    def close(self) -> None:
        """Release libsndfile's state."""
        self._sound.close()

    def _write_piece(self, values: npt.NDArray[Any]) -> None:
        from soundfile import SoundFileError

        try:
            self._sound.write(values)
        except (SoundFileError, AssertionError) as error:  # it asserts that all was written
            self._raise_file_error()
            raise FileError(f"libsndfile could not write the output: {error}") from error
        self._raise_file_error()

    def _set_tag(self, tag: str, text: str) -> None:
        from soundfile import SoundFileError

        with suppress(SoundFileError):  # some formats have no tags
            setattr(self._sound, tag, text)

    def _raise_file_error(self) -> None:
        if self._file.error is not None:
            raise self._file.error

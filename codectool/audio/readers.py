"""The readers behind audio sources: PCM from a stream of bytes, and whatever libsndfile reads from a file."""

from __future__ import annotations

import errno
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO

import numpy as np

from codectool.audio.formats import CallbackFile
from codectool.audio.pcm import Block, PcmCoding, check_rate_and_channels
from codectool.audio.tags import TAG_NAMES, clean_tag
from codectool.errors import DataError, FileError
from codectool.files.byte_reader import ByteReader

BLOCK_SAMPLES = 1 << 16
BLOCK_VALUES_MAX = 1 << 20  # samples times channels: 4 MiB, however many channels a header claims
# Float files scaled as 16-bit integers exist; anything louder is damage, and would overflow further on.
LOUDEST = 2.0**16
LOUD = 1.12  # a decibel over full scale: MP3 and Vorbis reach beyond it by nature, but by less
RAW_HINT = ", or use `raw` if it is headerless PCM"
NOT_AUDIO = f"is not audio of a known format; convert it to WAV or FLAC{RAW_HINT}"
FRAMES_UNKNOWN = (1 << 63) - 1  # libsndfile's way to say so
PIPE_BLOCKS_PER_S = 300  # a pipe's block waits for 3.3 ms of audio, a quarter of a hop: no packet waits


class AudioSource(ABC):
    """Audio being read, a context manager that closes what it opened.

    `length_samples` is what is known or claimed in advance, None where nothing is; `tags` has of TAG_NAMES
    what there is; `notes` are lines that tell what happens by design, `warnings` what is wrong. All three may
    grow until the last block.
    """

    def __init__(self, name: str, rate_hz: int, channels: int, length_samples: int | None) -> None:
        check_rate_and_channels(name, rate_hz, channels)
        self.name = name
        self.rate_hz = rate_hz
        self.channels = channels
        self.length_samples = length_samples
        self.tags: dict[str, str] = {}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._opened = ExitStack()

    def blocks(self, block_samples: int = BLOCK_SAMPLES) -> Iterator[Block]:
        """The audio from here to its end, in blocks `[channels, samples]` of 1 to `block_samples` samples.

        A block is at most one second, and shorter where a pipe has no more yet. All samples are finite: NaN
        becomes 0, infinity and the absurd +-1, with a note. FileError or DataError when reading fails on the
        way.
        """
        samples = max(1, min(block_samples, self.rate_hz, BLOCK_VALUES_MAX // self.channels))
        repair = _Repair()
        is_empty = True
        while (block := self._read(samples)).shape[1]:
            repair.apply(block)
            is_empty = False
            yield block
        if is_empty:
            self.warn("holds no samples")
        for text in repair.warnings():
            self.warn(text)

    def note(self, text: str) -> None:
        """Tell the user what happens by design, saying which input it is about."""
        self.notes.append(f"{self.name}: {text}")

    def warn(self, text: str) -> None:
        """Tell the user what is wrong with the recording."""
        self.warnings.append(f"{self.name}: {text}")

    def close_with(self, opened: ExitStack) -> None:
        """Take over what is to be closed with this source."""
        self._opened = opened.pop_all()

    def __enter__(self) -> AudioSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._opened.close()

    def _close(self) -> None:  # noqa: B027
        """Release what the reader itself holds."""

    @abstractmethod
    def _read(self, samples: int) -> Block:
        """The next 1 to `samples` samples, 0 at the end and ever after."""


class PcmSource(AudioSource):
    """PCM in a stream of bytes: raw, or the samples of a WAV.

    `data_bytes` is how much of the stream they are, None for all of it; `at_data_end` is called when they
    end.
    """

    def __init__(
        self,
        stream: ByteReader,
        coding: PcmCoding,
        rate_hz: int,
        channels: int,
        data_bytes: int | None = None,
        at_data_end: Callable[[], None] | None = None,
    ) -> None:
        self._sample_bytes = coding.sample_bytes * channels
        self._stream = stream
        self._coding = coding
        self._at_data_end = at_data_end
        self._left_bytes = data_bytes
        self._partial = b""  # the beginning of a sample whose rest has not come yet
        self._ended = False
        available = None if stream.size_bytes is None else stream.size_bytes - stream.position
        known = [count for count in (data_bytes, available) if count is not None]
        super().__init__(stream.name, rate_hz, channels, min(known) // self._sample_bytes if known else None)

    def _read(self, samples: int) -> Block:
        wanted_bytes = samples * self._sample_bytes
        enough_bytes = min(samples, max(1, self.rate_hz // PIPE_BLOCKS_PER_S)) * self._sample_bytes
        data = bytearray(self._partial)
        while not self._ended and len(data) < enough_bytes:
            piece = self._take(wanted_bytes - len(data))
            self._ended = not piece
            data += piece
        whole_bytes = len(data) - len(data) % self._sample_bytes
        self._partial = bytes(data[whole_bytes:])
        if whole_bytes == 0:
            self._finish()
        return self._coding.decode(data[:whole_bytes], self.channels)

    def _take(self, count: int) -> bytes:
        if self._left_bytes is None:
            return self._stream.read_some(count)
        piece = self._stream.read_some(min(count, self._left_bytes))
        self._left_bytes -= len(piece)
        return piece

    def _finish(self) -> None:
        if self._left_bytes:
            self.warn(f"ends {self._left_bytes} bytes before its header says; what is there is used")
        elif self._partial and self._at_data_end is None:  # behind a WAV's samples it may be its padding
            self.warn(f"the last {len(self._partial)} bytes are less than one sample and are left out")
        if self._at_data_end is not None:
            self._at_data_end()
        self._left_bytes, self._partial, self._at_data_end = 0, b"", None


class SoundfileSource(AudioSource):
    """A seekable file in any format libsndfile reads; DataError when it reads none of it as audio."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        import soundfile

        self._file = CallbackFile(file)
        try:
            self._sound = soundfile.SoundFile(self._file)
        except soundfile.SoundFileError as error:
            _raise_kept_error(name, self._file)
            raise DataError(f"{name}: {NOT_AUDIO}") from error
        length_samples = self._sound.frames if self._sound.frames < FRAMES_UNKNOWN else None
        if length_samples is None:
            # A FLAC that was written to a pipe. soundfile seeks after each read unless told that it cannot,
            # and seeking without a length fails.
            self._sound._info.seekable = 0
        super().__init__(name, self._sound.samplerate, self._sound.channels, length_samples)
        self._read_samples = 0
        for tag in TAG_NAMES:
            if text := clean_tag(getattr(self._sound, tag)):
                self.tags[tag] = text

    def _read(self, samples: int) -> Block:
        from soundfile import SoundFileError

        try:
            values = self._sound.read(samples, dtype="float32", always_2d=True)
        except (SoundFileError, AssertionError) as error:
            _raise_kept_error(self.name, self._file)
            at_s = self._read_samples / self.rate_hz
            raise DataError(
                f"{self.name}: is damaged after {at_s:.1f} s; replace it or repair it first"
            ) from error
        _raise_kept_error(self.name, self._file)
        self._read_samples += len(values)
        if len(values) == 0 and self._read_samples < (self.length_samples or 0):
            self.warn(
                f"ends after {self._read_samples} of {self.length_samples} samples; what is there is used"
            )
            self.length_samples = self._read_samples
        return np.ascontiguousarray(values.T)

    def _close(self) -> None:
        self._sound.close()


def _raise_kept_error(name: str, file: CallbackFile) -> None:
    """Raise what happened in a callback, but not seeks to nowhere, which damaged headers ask for."""
    error = file.error
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        raise FileError(f"{name}: cannot be read: {error.strerror or error}") from error
    if error is not None and not isinstance(error, Exception):
        raise error


class _Repair:
    """Makes every value finite and sane, and counts what was not."""

    def __init__(self) -> None:
        self.not_finite = 0
        self.absurd = 0
        self.peak = 0.0

    def apply(self, block: Block) -> None:
        """Repair a block in place."""
        loudest = float(np.abs(block).max(initial=0.0))
        if not loudest <= LOUDEST:  # true of a NaN anywhere, too
            broken = ~(np.abs(block) <= LOUDEST)
            not_finite = int(np.count_nonzero(~np.isfinite(block[broken])))
            self.not_finite += not_finite
            self.absurd += int(np.count_nonzero(broken)) - not_finite
            block[broken] = np.sign(np.nan_to_num(block[broken], nan=0.0))
            loudest = float(np.abs(block).max())
        self.peak = max(self.peak, loudest)

    def warnings(self) -> Iterator[str]:
        """Yield a line for each thing that was wrong."""
        if self.not_finite:
            yield f"{self.not_finite} samples were not finite numbers; NaN is taken as 0, infinity as 1"
        if self.absurd:
            yield f"{self.absurd} samples were over {LOUDEST:g} times full scale; they are taken as 1"
        if self.peak > LOUD:
            peak_db = 20 * math.log10(self.peak)
            yield (
                f"reaches {peak_db:.1f} dB over full scale, which decoding to integers clips: lower it first"
            )

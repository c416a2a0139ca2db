"""Where audio goes: files and pipes, complete or not there at all."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from codectool.audio.formats import format_and_subtype, written_rate_hz
from codectool.audio.pcm import CODING_OF_SUBTYPE, Block, check_rate_and_channels, raw_coding
from codectool.audio.resample import Resampler
from codectool.audio.tags import clean_tag, dropped_tags, tag_name
from codectool.audio.writers import RawWriter, SoundfileWriter, WavWriter, Writer
from codectool.errors import UsageError
from codectool.files.outputs import open_output

__all__ = ["AudioSink", "open_sink"]


def open_sink(
    path: str | Path,
    *,
    rate_hz: int,
    channels: int,
    suffix: str | None = None,
    subtype: str | None = None,
    overwrite: bool = False,
    raw: str | None = None,
    stdout: BinaryIO | None = None,
    tags: dict[str, str] | None = None,
) -> AudioSink:
    """Open a file, or for `-` standard output, as a context manager that takes audio blocks.

    A file's suffix is its format, unless another `suffix` is given, and `subtype` its sample type (PCM_16 for
    WAV and FLAC if None); standard output is WAV without a length. `raw` (`s16le`, `f32le` and so on) means
    headerless PCM in either. Opus is written at the next rate that it knows. UsageError for what cannot be
    written, FileError when the file exists (without `overwrite`) or cannot be written.
    """
    check_rate_and_channels(str(path), rate_hz, channels)
    if raw is not None and subtype is not None:
        raise UsageError("`raw` and `subtype` both name the sample type; give one of them")
    format_name, subtype = ("RAW", "") if raw is not None else format_and_subtype(path, subtype, suffix)
    tags = {tag_name(name): clean_tag(text) for name, text in (tags or {}).items()}
    written_hz = written_rate_hz(subtype, rate_hz)
    with ExitStack() as opened:
        file = opened.enter_context(open_output(path, overwrite=overwrite, stdout=stdout))
        writer: Writer
        if raw is not None:
            writer = RawWriter(file, raw_coding(raw))
        elif format_name == "WAV" and subtype in CODING_OF_SUBTYPE:
            writer = WavWriter(file, CODING_OF_SUBTYPE[subtype], rate_hz, channels, tags)
        else:
            writer = SoundfileWriter(file, format_name, subtype, written_hz, channels, tags)
        resampler = Resampler(rate_hz, written_hz, channels) if written_hz != rate_hz else None
        return AudioSink(writer, channels, opened, dropped_tags(format_name, tags), resampler)


class AudioSink:
    """Audio being written, a context manager: leaving it normally commits, an exception discards the file.

    `written_samples` counts samples of one channel, before they are brought to a rate that the format can
    hold; `clipped_samples` counts those of all channels that lay outside -1..1 and were clipped.
    `dropped_tags` are the names of those that the format has no room for.
    """

    def __init__(
        self,
        writer: Writer,
        channels: int,
        opened: ExitStack,
        dropped: list[str],
        resampler: Resampler | None = None,
    ) -> None:
        self._resampler = resampler
        self.channels = channels
        self.dropped_tags = dropped
        self.written_samples = 0
        self.clipped_samples = 0
        self._committed = False
        self._writer = writer
        self._opened = opened.pop_all()
        self._opened.callback(writer.close)  # before the file below it closes

    def write(self, block: Block) -> None:
        """Write `[channels, samples]`; FileError when the device fails, BrokenPipeError without a reader."""
        if block.shape[0] != self.channels:
            raise ValueError(f"a block of {block.shape[0]} channels for a sink of {self.channels}")
        self.written_samples += block.shape[1]
        if self._resampler is not None:
            block = self._resampler.push(block)
        self.clipped_samples += self._writer.write(block)

    def add_tags(self, tags: dict[str, str]) -> bool:
        """Take tags that came after the sound; False if there is no place for them in this output."""
        cleaned = {tag_name(name): clean_tag(text) for name, text in tags.items()}
        self.dropped_tags += dropped_tags("WAV", cleaned)  # the only format that has room so late
        return self._writer.add_tags(cleaned)

    def commit(self) -> None:
        """Complete the output and give it its final name; nothing can be written after."""
        if not self._committed:
            self._committed = True
            with self._opened.pop_all():
                if self._resampler is not None:
                    self.clipped_samples += self._writer.write(self._resampler.finish())
                self._writer.finish()

    def __enter__(self) -> AudioSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self._opened.__exit__(kind, error, trace)

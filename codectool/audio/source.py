"""Where audio comes from: finding out what a file or pipe holds, and opening it."""

from __future__ import annotations

import io
import os
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from codectool.audio.pcm import RawFormat
from codectool.audio.readers import NOT_AUDIO, AudioSource, PcmSource, SoundfileSource
from codectool.audio.wav_reader import HEAD_BYTES, is_wav, read_tags_after_data, read_wav_header
from codectool.errors import DataError, FileError, UsageError
from codectool.files.byte_reader import PIECE_BYTES, ByteReader
from codectool.files.inputs import open_file
from codectool.files.streams import standard_input

__all__ = ["AudioSource", "RawFormat", "begins_like_audio", "open_bytes", "open_source"]

# How the formats begin that libsndfile reads: other data on a pipe is refused at once, not stored first.
AUDIO_OPENINGS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"caff", b"riff")


def open_source(
    path: str | Path, *, raw: RawFormat | None = None, stdin: BinaryIO | None = None
) -> AudioSource:
    """Open a file, a named pipe, or for `-` standard input, as a context manager that gives audio blocks.

    `raw` says the input is headerless PCM. WAV and raw PCM are read as they come; other formats from a pipe
    are first stored in an unnamed temporary file. FileError when the input is missing or unreadable,
    DataError when it is empty or not audio, UsageError when it is a terminal.
    """
    with ExitStack() as opened:
        if str(path) == "-":
            file = stdin or standard_input()
            stream = ByteReader(file, "stdin")
        else:
            file = opened.enter_context(open_file(Path(path)))
            status = os.fstat(file.fileno())
            stream = ByteReader(file, str(path), status.st_size if stat.S_ISREG(status.st_mode) else None)
        if file.isatty():
            raise UsageError(f"{stream.name}: is a terminal; name a file, or send audio through a pipe")
        source = _recognise(file, stream, raw, opened)
        source.close_with(opened)
        return source


def begins_like_audio(head: bytes) -> bool:
    """Whether data that begins like this may be audio of a format known here, but for headerless PCM."""
    is_mpeg = len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0  # it has no name, only a sync word
    return is_mpeg or head.startswith(AUDIO_OPENINGS)


def open_bytes(data: bytes, name: str) -> AudioSource:
    """Open a whole file that is in memory, as `open_source` opens one on disk; `name` is for messages."""
    with ExitStack() as opened:
        file = io.BytesIO(data)
        source = _recognise(file, ByteReader(file, name, len(data)), None, opened)
        source.close_with(opened)
        return source


def _recognise(file: BinaryIO, stream: ByteReader, raw: RawFormat | None, opened: ExitStack) -> AudioSource:
    head = stream.peek(HEAD_BYTES)
    if not head:
        raise DataError(f"{stream.name}: is empty")
    if raw is not None:
        sample_bytes = raw.coding.sample_bytes * raw.channels
        if len(stream.peek(sample_bytes)) < sample_bytes:
            raise DataError(f"{stream.name}: is empty but for {len(head)} bytes, less than one sample")
        return PcmSource(stream, raw.coding, raw.rate_hz, raw.channels)
    taken = b""
    if is_wav(head):
        header = read_wav_header(stream)
        if header.coding is not None:
            pcm_source = PcmSource(
                stream,
                header.coding,
                header.rate_hz,
                header.channels,
                header.data_bytes,
                lambda: read_tags_after_data(stream, header),
            )
            pcm_source.tags = header.tags  # to which the tags behind the samples are added
            return pcm_source
        taken = header.opening
    if stream.size_bytes is not None:
        file.seek(0)
        return SoundfileSource(file, stream.name)
    if not begins_like_audio(head):
        raise DataError(f"{stream.name}: {NOT_AUDIO}")
    source = SoundfileSource(_store(stream, taken, opened), stream.name)
    source.note("is not PCM, so it was stored in a temporary file until its end before being read")
    return source


def _store(stream: ByteReader, taken: bytes, opened: ExitStack) -> BinaryIO:
    """Put a whole stream, with the bytes already taken from it, in a file without a name."""
    try:
        import tempfile  # here, for it takes long to import, and few inputs need it

        storage: BinaryIO = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        storage.write(taken)
        while piece := stream.read_some(PIECE_BYTES):
            storage.write(piece)
        storage.seek(0)
    except FileError:  # of the stream
        raise
    except OSError as error:
        raise FileError(f"{stream.name}: cannot be stored: {error.strerror or error}; see TMPDIR") from error
    return storage

"""Which file formats and sample types can be written, and soundfile on files of our own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from codectool.audio.pcm import CODING_OF_SUBTYPE
from codectool.errors import UsageError

# suffix: libsndfile's format, and its subtype where the format's own default is not meant
FORMAT_OF_SUFFIX: dict[str, tuple[str, str | None]] = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", None),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aif": ("AIFF", None),
    ".aiff": ("AIFF", None),
    ".au": ("AU", None),
    ".caf": ("CAF", None),
    ".w64": ("W64", None),
}


OPUS_RATES_HZ = (8000, 12_000, 16_000, 24_000, 48_000)


def written_rate_hz(subtype: str, rate_hz: int) -> int:
    """Return the rate at which a recording is written: its own, or for Opus the next that it knows."""
    if subtype != "OPUS" or rate_hz in OPUS_RATES_HZ:
        return rate_hz
    return next((known for known in OPUS_RATES_HZ if known >= rate_hz), OPUS_RATES_HZ[-1])


def format_and_subtype(path: str | Path, subtype: str | None, suffix: str | None = None) -> tuple[str, str]:
    """The format a file's suffix means and the subtype to write, in libsndfile's names.

    `suffix` stands for that of the path; standard output, devices and pipes mean WAV without one. UsageError,
    listing what is possible, for a suffix or a subtype that cannot be written.
    """
    is_stream = str(path) == "-" or (Path(path).exists() and not Path(path).is_file())
    suffix = (suffix or Path(path).suffix).lower() or (".wav" if is_stream else "")
    format_name, default = FORMAT_OF_SUFFIX.get(suffix, ("", None))
    if format_name == "WAV" and (subtype or "PCM_16").upper() in CODING_OF_SUBTYPE:  # we write it ourselves
        return format_name, (subtype or "PCM_16").upper()
    import soundfile  # here, for it takes longer to import than much of what it is not needed for

    if format_name not in soundfile.available_formats():
        available = soundfile.available_formats()
        known = " ".join(suffix for suffix, (name, _) in FORMAT_OF_SUFFIX.items() if name in available)
        raise UsageError(f"{path}: no format is known by this suffix; use one of {known}, or `raw`")
    if subtype is None:
        return format_name, default or soundfile.default_subtype(format_name)
    possible = CODING_OF_SUBTYPE if str(path) == "-" else soundfile.available_subtypes(format_name)
    if subtype.upper() not in possible:
        names = ", ".join(possible)
        raise UsageError(f"`subtype={subtype!r}`: {format_name} cannot hold that; use one of {names}")
    return format_name, subtype.upper()


class CallbackFile:
    """A binary file that soundfile reads or writes through callbacks.

    An exception, even Ctrl-C, would be printed and lost in there; so the first one is kept as `error` and the
    call fails quietly; the caller looks at it afterwards. It has no name, for soundfile would guess by it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.error: BaseException | None = None
        self._file = file

    def readinto(self, buffer: Any) -> int:
        return self._keeping_errors(lambda: self._file.readinto(buffer))  # type: ignore[attr-defined]

    def write(self, data: bytes) -> int:
        return self._keeping_errors(lambda: self._file.write(data))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._keeping_errors(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._keeping_errors(self._file.tell)

    def _keeping_errors(self, call: Callable[[], int]) -> int:
        try:
            return call()
        except BaseException as error:
            self.error = self.error or error
            return 0

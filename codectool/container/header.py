"""The file header: what a reader must know before the first packet (FORMAT.md, section 2)."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property

from codectool.container.bits import WORD_BITS, packed_bytes
from codectool.errors import DataError, UsageError
from codectool.files.byte_reader import ByteReader

MAGIC = b"ECDC"
VERSION = 1
START = struct.Struct(">4sBB")  # magic, version, header length: enough to know what to read next
FIELDS = struct.Struct(">B8sIHBBBIBHB")  # flags to the length of the model name
CHECKSUM = struct.Struct(">I")
SCALE = struct.Struct(">f")
SCALED = 0x02  # the header flag of files whose packets are segments with a scale
HEADER_LIMIT_BYTES = 255  # the length is one byte
PAYLOAD_LIMIT_BYTES = 65535  # a packet's payload length is two bytes
COUNTS_BYTES = 10  # the last packet's frame and sample counts share its payload
RATE_LIMIT_HZ = 768_000  # the highest rate PCM is recorded at
PACKET_FRAMES = 75  # unless something else is wanted: 1 s of most models
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")
FOREIGN = {b"RIFF": "a WAV", b"RF64": "a WAV", b"fLaC": "a FLAC", b"OggS": "an Ogg", b"ID3": "an MP3"}


@dataclass(frozen=True)
class Header:
    """What a file says about itself before its first packet; impossible values raise UsageError.

    Attributes:
        model: name of the model, to help find the weights; letters, digits, `.`, `_`, `-`, 31 at most.
        fingerprint: first 8 bytes of the SHA-256 over the codebooks, which decides whose codes these are.
        model_rate_hz: sample rate of the model, 1 to 768000.
        hop_samples: model samples a frame, 1 to 65535.
        bits_per_code: 1 to 16.
        levels: codes a frame in each stream, 1 to 255.
        streams: separately coded channels, 1 to 255.
        original_rate_hz: sample rate of the recording, 1 to 768000.
        original_channels: channels of the recording, 1 to 255.
        frames_per_packet: frames in every packet but the last, 1 to 65535.
        scaled: whether each packet is a segment of its own, with a scale beside its codes.
        extension: bytes of a later version, kept as they are.
    """

    model: str
    fingerprint: bytes
    model_rate_hz: int
    hop_samples: int
    bits_per_code: int
    levels: int
    streams: int
    original_rate_hz: int
    original_channels: int
    frames_per_packet: int = PACKET_FRAMES
    scaled: bool = False
    extension: bytes = b""

    version = VERSION

    def __post_init__(self) -> None:
        if not MODEL_NAME.fullmatch(self.model):
            raise UsageError(f"model name {self.model!r}: use 1 to 31 letters, digits, '.', '_' or '-'")
        if len(self.fingerprint) != 8:
            raise UsageError(f"the fingerprint has {len(self.fingerprint)} bytes, not 8")
        for name, limit in (
            ("model_rate_hz", RATE_LIMIT_HZ),
            ("hop_samples", 65535),
            ("bits_per_code", WORD_BITS),
            ("levels", 255),
            ("streams", 255),
            ("original_rate_hz", RATE_LIMIT_HZ),
            ("original_channels", 255),
            ("frames_per_packet", 65535),
        ):
            if not 1 <= getattr(self, name) <= limit:
                raise UsageError(f"{name} is {getattr(self, name)}, not 1 to {limit}")
        if COUNTS_BYTES + self.payload_bytes(self.frames_per_packet) > PAYLOAD_LIMIT_BYTES:
            raise UsageError(f"{self.frames_per_packet} frames do not fit a packet: use fewer per packet")
        if self.size_bytes > HEADER_LIMIT_BYTES:
            raise UsageError(f"an extension of {len(self.extension)} bytes does not fit the header")

    @property
    def size_bytes(self) -> int:
        """Size of the header in the file."""
        return START.size + FIELDS.size + len(self.model) + len(self.extension) + CHECKSUM.size

    @property
    def nominal_bps(self) -> float:
        """Rate of the codes alone."""
        return self.streams * self.levels * self.bits_per_code * self.model_rate_hz / self.hop_samples

    @cached_property
    def checksum(self) -> int:
        """CRC-32 of the header, which every packet's checksum continues."""
        return zlib.crc32(self._body())

    def payload_bytes(self, frames: int) -> int:
        """Return the size of the packed codes of that many frames, with the scale if there is one."""
        scale_bytes = SCALE.size if self.scaled and frames else 0
        return scale_bytes + packed_bytes(self.streams * self.levels * frames, self.bits_per_code)

    def to_bytes(self) -> bytes:
        """Return the header as it stands in the file."""
        return self._body() + CHECKSUM.pack(self.checksum)

    def _body(self) -> bytes:
        fields = FIELDS.pack(
            SCALED if self.scaled else 0,
            self.fingerprint,
            self.model_rate_hz,
            self.hop_samples,
            self.bits_per_code,
            self.levels,
            self.streams,
            self.original_rate_hz,
            self.original_channels,
            self.frames_per_packet,
            len(self.model),
        )
        return START.pack(MAGIC, VERSION, self.size_bytes) + fields + self.model.encode() + self.extension


def read_header(source: ByteReader) -> Header:
    """Take the header from the bytes of a file.

    Raises DataError if it is cut, damaged, of another version or with features not known here, or if the data
    is foreign; then nothing was taken.
    """
    start = source.peek(START.size)
    if start[:4] != MAGIC:
        raise DataError(_foreign(start))
    if len(start) < START.size:
        raise DataError(f"the file ends inside its header, at byte {len(start)}: get it again")
    _, version, size = START.unpack(start)
    if version == 0:
        raise DataError("an .ecdc file of EnCodec's own layout, version 0: open_reader reads both")
    if version != VERSION:
        raise DataError(
            f"an .ecdc file of version {version}, not {VERSION}: update codectool, or get it again"
        )
    data = source.peek(size)
    if len(data) < size:
        raise DataError(f"the file ends inside its header, at byte {len(data)}: get it again")
    end = size - CHECKSUM.size
    body = data[START.size : end]
    if len(body) < FIELDS.size or data[end:] != CHECKSUM.pack(zlib.crc32(data[:end])):
        raise DataError(
            "the file header is damaged, so nothing after it can be trusted: get the file again, or read it "
            "with the header of another file that was encoded alike"
        )
    header = parse_header(body)
    source.skip(size)
    return header


def parse_header(body: bytes) -> Header:
    """Return the header from its bytes between the length and the checksum, which was good.

    DataError for features not known here, and for what cannot be.
    """
    if len(body) < FIELDS.size:
        raise DataError("the file header is shorter than its fields: the writer is at fault")
    flags, fingerprint, model_rate_hz, hop, bits, levels, streams, rate_hz, channels, frames, name_bytes = (
        FIELDS.unpack_from(body)
    )
    if flags & ~SCALED:
        raise DataError(f"the file uses features (flags {flags:#04x}) not known here: update codectool")
    name, extension = body[FIELDS.size :][:name_bytes], body[FIELDS.size + name_bytes :]
    if len(name) < name_bytes:
        raise DataError("the file header is shorter than its model name: the writer is at fault")
    try:
        return Header(
            model=name.decode("ascii", errors="replace"),
            fingerprint=fingerprint,
            model_rate_hz=model_rate_hz,
            hop_samples=hop,
            bits_per_code=bits,
            levels=levels,
            streams=streams,
            original_rate_hz=rate_hz,
            original_channels=channels,
            frames_per_packet=frames,
            scaled=bool(flags & SCALED),
            extension=extension,
        )
    except UsageError as error:
        raise DataError(f"the file header is impossible: {error}") from error


def is_other_audio(start: bytes) -> bool:
    """Return whether data begins like audio of another format."""
    return start.startswith((b"RIFF", b"RF64", b"fLaC", b"OggS"))


def _foreign(start: bytes) -> str:
    if not start:
        return "the input is empty, not an .ecdc file"
    kind = next((kind for magic, kind in FOREIGN.items() if start.startswith(magic)), None)
    hint = f"it looks like {kind} file, encode it first" if kind else f"it starts with {start[:4].hex(' ')}"
    return f"not an .ecdc file: {hint}"

"""PCM: samples as bytes and bytes as samples, channels interleaved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from codectool.errors import DataError, UsageError

Block = npt.NDArray[np.float32]

RATE_MAX_HZ = 768_000  # the highest rate PCM is recorded at, and the highest an .ecdc file can state
CHANNELS_MAX = 255  # as many as an .ecdc file can state


@dataclass(frozen=True)
class PcmCoding:
    """One way to write a sample: unsigned, signed or float, of 8 to 64 bits, or G.711's two laws, of 8."""

    kind: Literal["unsigned", "signed", "float", "mulaw", "alaw"]
    bits: int
    big_endian: bool = False

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return self.bits // 8

    def decode(self, data: bytes | bytearray, channels: int) -> Block:
        """Read interleaved samples.

        `data` holds whole samples of all channels; gives `[channels, samples]`. Integers are scaled to -1..1;
        floats come as they are, NaN and infinity included.
        """
        flat: npt.NDArray[np.float32]
        if self.big_endian:
            data = _swapped(data, self.sample_bytes)
        if self.kind in ("mulaw", "alaw"):
            flat = law_levels(self.kind)[np.frombuffer(data, np.uint8)].astype(np.float32) / np.float32(2**15)
        elif self.kind == "float":
            with np.errstate(over="ignore", invalid="ignore"):  # a double may be beyond float32
                flat = np.frombuffer(data, f"<f{self.sample_bytes}").astype(np.float32)
        elif self.kind == "unsigned":
            flat = (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        elif self.bits == 24:
            padded = np.zeros((len(data) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            flat = padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
        else:
            full_scale = np.float32(2 ** (self.bits - 1))
            flat = np.frombuffer(data, f"<i{self.sample_bytes}").astype(np.float32) / full_scale
        return np.ascontiguousarray(flat.reshape(-1, channels).T, dtype=np.float32)

    def encode(self, block: Block) -> tuple[bytes, int]:
        """Write `[channels, samples]` interleaved; gives the bytes and how many samples were clipped.

        Integers are rounded to the nearest, without dither, and clip outside -1..1; floats never clip.
        """
        if self.big_endian:
            data, clipped = replace(self, big_endian=False).encode(block)
            return _swapped(data, self.sample_bytes), clipped
        if self.kind in ("mulaw", "alaw"):
            levels, clipped = quantise(block, 16)
            return _law_codes(self.kind)[levels + 2**15].tobytes(), clipped
        if self.kind == "float":
            return block.T.astype(f"<f{self.sample_bytes}", order="C").tobytes(), 0
        levels, clipped = quantise(block, self.bits)
        if self.kind == "unsigned":
            return (levels + 128).astype(np.uint8).tobytes(), clipped
        if self.bits == 24:
            return levels.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), clipped
        return levels.astype(f"<i{self.sample_bytes}").tobytes(), clipped


def _swapped(data: bytes | bytearray, sample_bytes: int) -> bytes:
    """Return samples with their bytes in the other order."""
    return np.frombuffer(data, np.uint8).reshape(-1, sample_bytes)[:, ::-1].tobytes()


@lru_cache(maxsize=2)
def law_levels(law: str) -> npt.NDArray[np.int64]:
    """Return the 16-bit level that each of the 256 codes of a law stands for. Source: ITU-T G.711."""
    codes = np.arange(256)
    codes = ~codes & 0xFF if law == "mulaw" else codes ^ 0x55
    exponents, mantissas = codes >> 4 & 7, codes & 15
    if law == "mulaw":
        levels = ((2 * mantissas + 33) << exponents + 2) - 132
        return np.where(codes & 0x80, -levels, levels)
    levels = np.where(
        exponents == 0, (2 * mantissas + 1) << 3, (2 * mantissas + 33) << np.maximum(exponents - 1, 0) + 3
    )
    return np.where(codes & 0x80, levels, -levels)


@lru_cache(maxsize=2)
def _law_codes(law: str) -> npt.NDArray[np.uint8]:
    """Return the code of the nearest level for each 16-bit level from the lowest on."""
    levels = law_levels(law)
    order = np.argsort(levels, kind="stable")
    halfway = (levels[order][1:] + levels[order][:-1]) / 2
    nearest: npt.NDArray[np.uint8] = order[np.searchsorted(halfway, np.arange(-(2**15), 2**15))].astype(
        np.uint8
    )
    return nearest


def quantise(block: Block, bits: int) -> tuple[npt.NDArray[np.int32], int]:
    """Round a block to signed integers of so many bits.

    `block` is `[channels, samples]`; gives interleaved levels `[samples, channels]` and the count of samples
    that lay outside -1..1 (NaN, written as 0, counts among them).
    """
    full_scale = 2.0 ** (bits - 1)
    clipped = int(block.size - np.count_nonzero(np.abs(block) <= 1))
    values = np.nan_to_num(block.T.astype(np.float64, order="C"), nan=0.0, posinf=1.0, neginf=-1.0)
    levels = np.clip(np.rint(values * full_scale), -full_scale, full_scale - 1)
    return levels.astype(np.int32), clipped


PCM_U8 = PcmCoding("unsigned", 8)
PCM_16 = PcmCoding("signed", 16)
PCM_24 = PcmCoding("signed", 24)
PCM_32 = PcmCoding("signed", 32)
FLOAT = PcmCoding("float", 32)
DOUBLE = PcmCoding("float", 64)

# libsndfile's names, which `subtype` takes
CODING_OF_SUBTYPE = {
    "PCM_U8": PCM_U8,
    "PCM_16": PCM_16,
    "PCM_24": PCM_24,
    "PCM_32": PCM_32,
    "FLOAT": FLOAT,
    "DOUBLE": DOUBLE,
}

# ffmpeg's names
CODING_OF_RAW_NAME = {
    "u8": PCM_U8,
    "s8": PcmCoding("signed", 8),
    "mulaw": PcmCoding("mulaw", 8),
    "alaw": PcmCoding("alaw", 8),
}
for _name, _coding in (("s16", PCM_16), ("s24", PCM_24), ("s32", PCM_32), ("f32", FLOAT), ("f64", DOUBLE)):
    CODING_OF_RAW_NAME |= {f"{_name}le": _coding, f"{_name}be": replace(_coding, big_endian=True)}


def raw_coding(name: str) -> PcmCoding:
    """The coding of a name of raw samples, such as `s16le`; UsageError, listing the names, for any other."""
    try:
        return CODING_OF_RAW_NAME[name.lower()]
    except KeyError:
        known = ", ".join(CODING_OF_RAW_NAME)
        raise UsageError(f"`raw={name!r}`: no such sample format; use one of {known}") from None


@dataclass(frozen=True)
class RawFormat:
    """What headerless PCM does not say itself: its coding (`s16le`, `f32le` and so on), rate and channels.

    UsageError when any of them is impossible.
    """

    coding_name: str
    rate_hz: int
    channels: int

    def __post_init__(self) -> None:
        raw_coding(self.coding_name)
        if not 1 <= self.rate_hz <= RATE_MAX_HZ:
            raise UsageError(f"`rate_hz={self.rate_hz}`: a sample rate is 1 to {RATE_MAX_HZ} Hz")
        if not 1 <= self.channels <= CHANNELS_MAX:
            raise UsageError(f"`channels={self.channels}`: the number of channels is 1 to {CHANNELS_MAX}")

    @property
    def coding(self) -> PcmCoding:
        """How one sample is written."""
        return raw_coding(self.coding_name)


def check_rate_and_channels(name: str, rate_hz: int, channels: int) -> None:
    """Raise DataError, naming `name`, when data claim a rate or a channel count that cannot be meant."""
    if not 1 <= rate_hz <= RATE_MAX_HZ:
        raise DataError(f"{name}: claims a sample rate of {rate_hz} Hz; 1 to {RATE_MAX_HZ} is possible")
    if not 1 <= channels <= CHANNELS_MAX:
        raise DataError(f"{name}: claims {channels} channels; 1 to {CHANNELS_MAX} is possible")

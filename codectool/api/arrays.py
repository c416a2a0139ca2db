"""Arrays from users, checked: an error says what to give instead of what is not audio or not codes."""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.audio.pcm import CHANNELS_MAX, RATE_MAX_HZ, Block
from codectool.container.bits import Codes as CodeArray
from codectool.errors import UsageError
from codectool.models.registry import ModelEntry

ArrayLike: TypeAlias = Any  # a numpy array, a torch tensor, or what numpy can make an array of

LIKELY_CHANNELS = 8  # more, and fewer samples than that, are samples put in the place of channels
SCALES = {np.dtype(np.int16): 2.0**-15, np.dtype(np.int32): 2.0**-31, np.dtype(np.uint8): 2.0**-7}


def audio_block(audio: ArrayLike, channels_last: bool = False) -> Block:
    """Return audio as float32 `[channels, samples]`.

    Takes float64, float32, float16, int32, int16 or uint8, in the shape `[samples]` or `[channels, samples]`;
    with `channels_last` the shape is `[samples, channels]`. Raises UsageError for any other shape or type,
    and for values that are not finite.
    """
    array = _array(audio, "audio")
    if array.ndim == 1:
        array = array[None]
    elif array.ndim != 2:
        raise UsageError(f"audio of shape {array.shape}: give [samples] or [channels, samples]")
    elif channels_last:
        array = array.T
    channels, samples = array.shape
    if channels == 0 or channels > CHANNELS_MAX or (channels > max(samples, LIKELY_CHANNELS)):
        raise UsageError(
            f"audio of shape {array.shape} would be {channels} channels of {samples} samples: "
            "give [channels, samples], or say channels_last=True"
        )
    block = _as_float32(array)
    if not np.isfinite(block).all():
        raise UsageError("the audio holds values that are not finite numbers: clean them up first")
    return block


def sample_rate_hz(rate: float | None, entry: ModelEntry) -> int:
    """Return a sample rate in whole Hz; None means the model's. UsageError for a rate that cannot be."""
    if rate is None:
        return entry.sample_rate_hz
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.integer, np.floating)):
        raise UsageError(f"sample_rate is {rate!r}: give whole hertz")
    if not (1 <= rate <= RATE_MAX_HZ and rate == int(rate)):
        raise UsageError(f"sample_rate is {rate}: it must be a whole number of hertz, 1 to {RATE_MAX_HZ}")
    return int(rate)


def code_array(codes: ArrayLike, entry: ModelEntry) -> CodeArray:
    """Return codes as uint16 `[streams, levels, frames]`.

    Takes integers `[levels, frames]` or `[streams, levels, frames]`. Raises UsageError for any other shape or
    type, for more levels than the model has, and for codes beyond its codebooks.
    """
    array = _array(codes, "codes")
    if array.ndim not in (2, 3):
        raise UsageError(f"codes of shape {array.shape}: give [levels, frames] or [streams, levels, frames]")
    if array.ndim == 2:
        array = array[None]
    if array.dtype.kind not in "iu":
        raise UsageError(f"codes of type {array.dtype}: give integers")
    entry.check_levels(array.shape[1])
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < entry.codebook_size):
        raise UsageError(
            f"codes from {array.min()} to {array.max()}: {entry.name} has 0 to {entry.codebook_size - 1}"
        )
    return array.astype(np.uint16)


def levels_of(entry: ModelEntry, bitrate: float | None, levels: int | None, streams: int = 1) -> int:
    """Return how many levels are meant by a bit rate in bits a second, or by a number of levels.

    Raises UsageError if both are given, or if the model cannot have the one that is.
    """
    if bitrate is not None and levels is not None:
        raise UsageError("give bitrate or levels, not both")
    for name, value in (("levels", levels), ("bitrate", bitrate)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise UsageError(f"{name} is {value!r}: give a number")
    if levels is not None:
        if levels != int(levels):
            raise UsageError(f"levels is {levels}: give a whole number")
        entry.check_levels(int(levels))
        return int(levels)
    return entry.levels_for(bitrate, streams)


def _array(values: ArrayLike, what: str) -> npt.NDArray[Any]:
    """Return values as an array; of a torch tensor without its gradient, wherever it lies."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if hasattr(values, "is_floating_point") and values.is_floating_point():
            values = values.float()  # numpy knows no bfloat16
        values = values.numpy()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} of type {type(values).__name__}: give an array ({error})") from error
    if array.dtype.kind not in "iuf":
        raise UsageError(f"{what} of type {array.dtype}: give numbers")
    return array


def _as_float32(array: npt.NDArray[Any]) -> Block:
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype=np.float32)
    scale = SCALES.get(array.dtype)
    if scale is None:
        raise UsageError(f"audio of type {array.dtype}: give floats in -1 to 1, or int16")
    centre = 128 if array.dtype == np.uint8 else 0
    return np.ascontiguousarray((array.astype(np.float64) - centre) * scale, dtype=np.float32)

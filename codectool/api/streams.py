"""Streams: audio or codes of any length, block by block; the state is inside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from codectool.api.arrays import ArrayLike, audio_block, code_array
from codectool.audio.mix import to_channels
from codectool.audio.resample import Resampler
from codectool.errors import UsageError
from codectool.models.loaded import LoadedModel
from codectool.sessions.streaming import DecoderSession, EncoderSession


class StreamEncoder:
    """Encodes one stream: `push` blocks of any size, then `finish`.

    The codes do not depend on the sizes of the blocks. They come whenever the model's own block is full,
    which holds a second or less; a smaller `block_seconds` brings them sooner and takes more time in all.
    Models that code segments or whole recordings do not stream.
    """

    def __init__(
        self,
        model: LoadedModel,
        rate_hz: int,
        levels: int,
        channels: int | None = None,
        block_seconds: float | None = None,
    ) -> None:
        _check_streams(model)
        self._session = EncoderSession(model, levels, _block_frames(model, block_seconds))
        self._channels = model.entry.channels
        self._stated_channels = channels
        self._resampler = Resampler(rate_hz, model.entry.sample_rate_hz, self._channels)

    def push(self, audio: ArrayLike, *, channels_last: bool = False) -> npt.NDArray[np.uint16]:
        """Take the next audio `[samples]` or `[channels, samples]`; return the codes that are ready.

        Codes are uint16 `[levels, frames]`, perhaps of 0 frames. Raises UsageError (a ValueError) for what is
        not audio, and for another number of channels than before.
        """
        block = audio_block(audio, channels_last)
        if self._stated_channels is None:
            self._stated_channels = len(block)
        if len(block) != self._stated_channels:
            raise UsageError(f"a block of {len(block)} channels, in a stream of {self._stated_channels}")
        return self._session.push(self._resampler.push(to_channels(block, self._channels)))

    def finish(self) -> npt.NDArray[np.uint16]:
        """End the stream and return its last codes, uint16 `[levels, frames]`.

        The next `push` begins a new stream.
        """
        codes = self._session.finish(self._resampler.finish())
        self._resampler = Resampler(self._resampler.rate_in_hz, self._resampler.rate_out_hz, self._channels)
        return codes


class StreamDecoder:
    """Decodes one stream: `push` codes of any number of frames, then `finish`.

    Audio comes whenever the model's own block is full, as codes do of `StreamEncoder`.
    """

    def __init__(self, model: LoadedModel, rate_hz: int, block_seconds: float | None = None) -> None:
        _check_streams(model)
        self._entry = model.entry
        self._session = DecoderSession(model, _block_frames(model, block_seconds))
        self._resampler = Resampler(model.entry.sample_rate_hz, rate_hz, model.entry.channels)
        self._levels: int | None = None  # of the stream, once it has begun

    def push(self, codes: ArrayLike) -> npt.NDArray[np.float32]:
        """Take the next codes, integers `[levels, frames]`; return the audio that is ready.

        Audio is float32 `[channels, samples]`, perhaps of 0 samples. Raises UsageError (a ValueError) for
        codes that the model cannot have.
        """
        array = code_array(codes, self._entry)
        if len(array) != 1:
            raise UsageError(f"codes of {len(array)} streams: a decoder takes one")
        if self._levels not in (None, array.shape[1]):
            raise UsageError(f"codes of {array.shape[1]} levels, in a stream of {self._levels}")
        self._levels = array.shape[1]
        return self._resampler.push(self._session.push(array[0]))

    def finish(self) -> npt.NDArray[np.float32]:
        """End the stream and return its last audio, float32 `[channels, samples]`.

        The next `push` begins a new stream.
        """
        pushed = self._resampler.push(self._session.finish())
        audio = np.concatenate((pushed, self._resampler.finish()), axis=1)
        self._levels, old = None, self._resampler
        self._resampler = Resampler(old.rate_in_hz, old.rate_out_hz, self._entry.channels)
        return audio


def _check_streams(model: LoadedModel) -> None:
    if not model.entry.streams:
        raise UsageError(f"{model.entry.name} does not stream: use encode and decode on whole recordings")


def _block_frames(model: LoadedModel, seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not 0 < seconds <= 60:
        raise UsageError(f"block_seconds is {seconds}: it must be above 0, and 60 at most")
    return model.entry.frames_in(seconds)

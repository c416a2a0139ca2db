"""Models in memory: audio arrays to codes, and back."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codectool.api.arrays import ArrayLike, audio_block, code_array, levels_of, sample_rate_hz
from codectool.api.streams import StreamDecoder, StreamEncoder
from codectool.audio.mix import to_channels
from codectool.audio.pcm import Block
from codectool.audio.resample import Resampler, resampled_length
from codectool.errors import UsageError
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load as load_model
from codectool.models.registry import DEFAULT_MODEL
from codectool.sessions.batching import Clip, encode_clips
from codectool.sessions.payloads import Payload, payload_decoder, payload_encoder


class Codes(np.ndarray):  # of any shape that slicing gives
    """Codes of a model that codes segments: an array `[levels, frames]` with the loudness of each segment.

    Attributes:
        scales: float32 `[segments]`; what each segment is multiplied by after decoding.
    """

    scales: npt.NDArray[np.float32] | None = None

    def __array_finalize__(self, other: Any) -> None:
        self.scales = getattr(other, "scales", None)


def load(
    name: str = DEFAULT_MODEL,
    *,
    weights: str | Path | None = None,
    device: str = "cpu",
    precision: str = "auto",
    engine: str = "auto",
) -> Model:
    """Return a model with its weights, ready to encode and decode.

    Args:
        name: one of `codec models`, such as `base_24khz` or `encodec_24khz`.
        weights: a file to take instead of the model's usual one.
        device: `cpu`, or a device that PyTorch knows, such as `cuda`.
        precision: of large products: `auto`, `float32` or `bfloat16`.
        engine: what runs the network: `auto`, or one that `codec bench` lists.

    Raises:
        UsageError (a ValueError): for a name, device, precision or engine that there is not.
        WeightsError: when the weights are missing, damaged or another model's.
    """
    return Model(load_model(name, None if weights is None else Path(weights), device, precision, engine))


class Model:
    """A neural codec with its weights. It is read-only: threads may share it."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._entry = loaded.entry

    @property
    def name(self) -> str:
        """Its name in the registry."""
        return self._entry.name

    @property
    def fingerprint(self) -> str:
        """What identifies its codebooks, 16 hexadecimal digits; an .ecdc file carries it."""
        return self._loaded.fingerprint.hex()

    @property
    def sample_rate(self) -> int:
        """The rate it works at, in Hz; other rates are resampled."""
        return self._entry.sample_rate_hz

    @property
    def channels(self) -> int:
        """The channels it codes together; other numbers are mixed to it."""
        return self._entry.channels

    @property
    def frame_rate(self) -> float:
        """Frames of codes a second."""
        return self._entry.frame_rate_hz

    @property
    def exact_frame_rate(self) -> Fraction:
        """The same, exactly."""
        return self._entry.exact_frame_rate_hz

    @property
    def samples_per_frame(self) -> int:
        """Samples at the model's rate that a frame stands for."""
        return self._entry.hop_samples

    @property
    def codebooks(self) -> int:
        """How many codebooks it has, which is the most that can be used."""
        return len(self._entry.level_choices)

    @property
    def levels(self) -> int:
        """Rows of codes a frame has at most: one a codebook, more where codebooks have several rates."""
        return self._entry.levels

    @property
    def codebook_size(self) -> int:
        """Entries of the largest codebook: codes are below it."""
        return self._entry.codebook_size

    @property
    def bitrates(self) -> tuple[float, ...]:
        """The rates in bits a second that it can have, one for each number of codebooks."""
        return self._entry.rates_bps()

    @property
    def causal(self) -> bool:
        """Whether sound never depends on what comes after it."""
        return self._entry.causal

    @property
    def latency(self) -> float:
        """Seconds by which decoded sound lags what went in, besides the block that is being filled."""
        return self._entry.latency_samples / self._entry.sample_rate_hz

    def encode(
        self,
        audio: ArrayLike,
        sample_rate: float | None = None,
        *,
        bitrate: float | None = None,
        levels: int | None = None,
        channels_last: bool = False,
    ) -> npt.NDArray[np.uint16]:
        """Return the codes of a recording.

        Args:
            audio: `[samples]` or `[channels, samples]`, float (full scale is 1), int16, int32 or uint8; a
                numpy array or a torch tensor.
            sample_rate: its rate in Hz; None for the model's.
            bitrate: bits a second to spend at most; None for 6 kbps, or the nearest that the model has.
            levels: rows of codes instead of a bit rate.
            channels_last: whether audio is `[samples, channels]`, as soundfile gives it.

        Returns:
            uint16 `[levels, frames]`. Of a model that codes segments it has an attribute `scales` as well,
            which `decode` wants back.

        Raises:
            UsageError (a ValueError): for a shape, type, rate or level that cannot be, or values not finite.
        """
        levels = levels_of(self._entry, bitrate, levels)
        block = self._at_model_rate(audio, sample_rate, channels_last)
        encoder = payload_encoder(self._loaded, levels)
        return joined(encoder.finish(block), levels)

    def encode_batch(
        self,
        recordings: Iterable[ArrayLike],
        sample_rate: float | None = None,
        *,
        bitrate: float | None = None,
        levels: int | None = None,
        channels_last: bool = False,
    ) -> list[npt.NDArray[np.uint16]]:
        """Return the codes of several recordings, the same as one by one, in less time; see `encode`."""
        levels = levels_of(self._entry, bitrate, levels)
        blocks = [self._at_model_rate(audio, sample_rate, channels_last) for audio in recordings]
        if self._loaded.segments is not None:
            return [joined(payload_encoder(self._loaded, levels).finish(block), levels) for block in blocks]
        clips = [Clip(self._loaded, block, levels) for block in blocks]
        found = zip(clips, encode_clips(clips), strict=True)
        return [clip.encode_alone() if codes is None else codes for clip, codes in found]

    def decode(
        self,
        codes: ArrayLike,
        sample_rate: float | None = None,
        *,
        samples: int | None = None,
        scales: ArrayLike | None = None,
    ) -> npt.NDArray[np.float32]:
        """Return the audio of codes.

        Args:
            codes: integers `[levels, frames]`, or `[streams, levels, frames]` of channels coded apart.
            sample_rate: the rate to return it at, in Hz; None for the model's.
            samples: how many samples the recording had at that rate; None for all that the frames hold,
                which is up to a frame more.
            scales: of a model that codes segments, the loudness of each; None for those that `codes` carries.

        Returns:
            float32 `[channels, samples]`.

        Raises:
            UsageError (a ValueError): for codes, rates or scales that cannot be.
        """
        rate_hz = sample_rate_hz(sample_rate, self._entry)
        array = code_array(codes, self._entry)
        decoder = payload_decoder(self._loaded, len(array))
        payloads = self._payloads(array, getattr(codes, "scales", None) if scales is None else scales)
        audio = np.concatenate([*(decoder.push(payload) for payload in payloads), decoder.finish()], axis=1)
        held_samples = array.shape[2] * self._entry.hop_samples
        audio = audio[:, :held_samples]
        resampler = Resampler(self.sample_rate, rate_hz, len(audio))
        longest = resampled_length(audio.shape[1], self.sample_rate, rate_hz)
        if samples is not None and not 0 <= samples <= longest:
            raise UsageError(f"samples is {samples}: these codes hold {longest} at {rate_hz} Hz")
        total = longest if samples is None else samples
        audio = audio[:, : resampled_length(total, rate_hz, self.sample_rate)]  # as a file is cut
        ready = resampler.push(audio)[:, :total]
        if ready.shape[1] == total:
            return ready
        return np.concatenate((ready, resampler.finish(total)), axis=1)

    def encoder(
        self,
        sample_rate: float | None = None,
        *,
        bitrate: float | None = None,
        levels: int | None = None,
        channels: int | None = None,
        block_seconds: float | None = None,
    ) -> StreamEncoder:
        """Return what encodes one stream as it comes; see `StreamEncoder`."""
        rate_hz = sample_rate_hz(sample_rate, self._entry)
        return StreamEncoder(
            self._loaded, rate_hz, levels_of(self._entry, bitrate, levels), channels, block_seconds
        )

    def decoder(
        self, sample_rate: float | None = None, *, block_seconds: float | None = None
    ) -> StreamDecoder:
        """Return what decodes one stream as it comes; see `StreamDecoder`."""
        return StreamDecoder(self._loaded, sample_rate_hz(sample_rate, self._entry), block_seconds)

    def __repr__(self) -> str:
        return f"<codectool model {self.name}, weights {self.fingerprint}, on {self._loaded.engine}>"

    def _at_model_rate(self, audio: ArrayLike, sample_rate: float | None, channels_last: bool) -> Block:
        block = to_channels(audio_block(audio, channels_last), self.channels)
        resampler = Resampler(sample_rate_hz(sample_rate, self._entry), self.sample_rate, self.channels)
        return np.concatenate((resampler.push(block), resampler.finish()), axis=1)

    def _payloads(self, codes: npt.NDArray[np.uint16], scales: ArrayLike | None) -> list[Payload]:
        if self._loaded.segments is None:
            return [Payload(codes)]
        starts = range(0, codes.shape[2], self._entry.packet_frames())
        values = [None] * len(starts) if scales is None else [float(value) for value in scales]
        if len(codes) != 1 or len(values) != len(starts) or (scales is None and self._entry.scaled):
            raise UsageError(f"{self.name} codes segments: give one stream, and scales, one a segment")
        frames = self._entry.packet_frames()
        return [
            Payload(codes[:, :, start : start + frames], scale)
            for start, scale in zip(starts, values, strict=True)
        ]


def joined(payloads: list[Payload], levels: int) -> npt.NDArray[np.uint16]:
    """Return the codes of payloads of one stream behind each other, with their scales if they have any."""
    pieces = [payload.codes[0] for payload in payloads]
    scales = [payload.scale for payload in payloads if payload.scale is not None]
    codes: npt.NDArray[np.uint16] = np.concatenate([np.zeros((levels, 0), np.uint16), *pieces], axis=1)
    if not scales:
        return codes
    scaled: Any = codes.view(Codes)
    scaled.scales = np.array(scales, np.float32)
    return scaled  # type: ignore[no-any-return]

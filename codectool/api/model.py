"""A model in memory: audio arrays to codes, and codes to audio arrays."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codectool.api.arrays import ArrayLike, audio_block, code_array, levels_of, sample_rate_hz
from codectool.api.codes import joined
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
        name: a name that `codec models` lists, such as `base_24khz` or `encodec_24khz`.
        weights: a file to take instead of the model's usual one.
        device: `cpu`, or a device that PyTorch knows, such as `cuda`.
        precision: the type of large products: `auto`, `float32` or `bfloat16`.
        engine: what runs the network: `auto`, `onnxruntime`, `torch` or `litert`.

    Raises:
        UsageError (a ValueError): a name, device, precision or engine does not exist here.
        WeightsError: the weights are missing, damaged or another model's, or the engine is not installed.
    """
    return Model(load_model(name, None if weights is None else Path(weights), device, precision, engine))


class Model:
    """A neural codec with its weights. It never changes, so threads may share it."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._entry = loaded.entry

    @property
    def name(self) -> str:
        """The name in the registry."""
        return self._entry.name

    @property
    def fingerprint(self) -> str:
        """The identity of the codebooks, 16 hexadecimal digits; every .ecdc file carries it."""
        return self._loaded.fingerprint.hex()

    @property
    def sample_rate(self) -> int:
        """The sample rate of the network, in Hz; audio of other rates is resampled."""
        return self._entry.sample_rate_hz

    @property
    def channels(self) -> int:
        """The channels that the network codes together; audio with more or fewer is mixed."""
        return self._entry.channels

    @property
    def frame_rate(self) -> float:
        """Frames of codes in a second."""
        return self._entry.frame_rate_hz

    @property
    def exact_frame_rate(self) -> Fraction:
        """Frames of codes in a second, as a fraction."""
        return self._entry.exact_frame_rate_hz

    @property
    def samples_per_frame(self) -> int:
        """Samples of the network's rate in a frame."""
        return self._entry.hop_samples

    @property
    def codebooks(self) -> int:
        """The number of codebooks."""
        return len(self._entry.level_choices)

    @property
    def levels(self) -> int:
        """The most rows of codes in a frame.

        That is one row a codebook, and more where codebooks have several rates.
        """
        return self._entry.levels

    @property
    def codebook_size(self) -> int:
        """The number of codes of the largest codebook; every code is below it."""
        return self._entry.codebook_size

    @property
    def bitrates(self) -> tuple[float, ...]:
        """The possible bit rates in bits a second, one for each number of codebooks."""
        return self._entry.rates_bps()

    @property
    def causal(self) -> bool:
        """Whether sound never depends on what comes after it."""
        return self._entry.causal

    @property
    def latency(self) -> float:
        """The delay of decoded sound in seconds, without the time that a block takes to fill."""
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
            audio: a numpy array or torch tensor `[samples]` or `[channels, samples]`, of floats with a full
                scale of 1, or of int16, int32 or uint8.
            sample_rate: the audio's rate in Hz; None for the model's.
            bitrate: the most bits a second to spend; None for 6 kbps, or the model's nearest.
            levels: the rows of codes to make, instead of a bit rate.
            channels_last: whether audio is `[samples, channels]`, as soundfile gives it.

        Returns:
            uint16 `[levels, frames]`. A model that codes in segments adds the attribute `scales`, which
            `decode` needs.

        Raises:
            UsageError (a ValueError): a shape, type, rate or number of levels is impossible, or a value is
                not finite.
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
        """Return the codes of several recordings, uint16 `[levels, frames]` each.

        They are the same as one by one, in less time. Arguments and errors are those of `encode`.
        """
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
            sample_rate: the rate of the audio to return, in Hz; None for the model's.
            samples: the recording's length at that rate; None for all that the frames hold, which is up to a
                frame more.
            scales: the loudness of each segment, for a model that codes in segments; None for those that
                `codes` carries.

        Returns:
            float32 `[channels, samples]`.

        Raises:
            UsageError (a ValueError): codes, a rate, a length or scales are impossible.
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
        """Return an encoder of one stream, which takes audio as it comes.

        Args:
            sample_rate: the audio's rate in Hz; None for the model's.
            bitrate, levels: as for `encode`.
            channels: the channels of every block; None for those of the first.
            block_seconds: how much audio is coded at once, above 0 and 60 at most; None for a second or less.

        Raises:
            UsageError (a ValueError): an argument is impossible, or the model does not stream.
        """
        rate_hz = sample_rate_hz(sample_rate, self._entry)
        return StreamEncoder(
            self._loaded, rate_hz, levels_of(self._entry, bitrate, levels), channels, block_seconds
        )

    def decoder(
        self, sample_rate: float | None = None, *, block_seconds: float | None = None
    ) -> StreamDecoder:
        """Return a decoder of one stream, which takes codes as they come.

        Args:
            sample_rate: the rate of the audio to return, in Hz; None for the model's.
            block_seconds: as for `encoder`.

        Raises:
            UsageError (a ValueError): an argument is impossible, or the model does not stream.
        """
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

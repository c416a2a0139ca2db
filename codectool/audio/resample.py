"""Resampling in a stream: same result however the input is cut, and an exact number of samples."""

from __future__ import annotations

import numpy as np

from codectool.audio.pcm import Block, check_rate_and_channels
from codectool.errors import DataError

# HQ is exact to 20 bits (errors near -120 dB), far below what any codec here adds; VHQ gains nothing that
# could be heard after coding, costs up to a third more time, and at low rates nearly doubles the delay.
QUALITY = "HQ"

SILENCE_OUT_SAMPLES = 1 << 14  # silence is fed in pieces that give about this many samples


def resampled_length(length_samples: int, rate_in_hz: int, rate_out_hz: int) -> int:
    """Samples that `length_samples` become at another rate: exactly ceil(n * out / in)."""
    return -(-length_samples * rate_out_hz // rate_in_hz)


class Resampler:
    """Changes the sample rate of a stream of blocks `[channels, samples]`, without shifting it in time.

    Equal rates pass blocks through. What `push` gives lags the input by 30 to 90 ms at usual rates; `finish`
    gives the rest. The samples do not depend on how the input is cut into pushes. DataError for rates or
    channel counts that cannot be meant.
    """

    def __init__(self, rate_in_hz: int, rate_out_hz: int, channels: int) -> None:
        check_rate_and_channels("the input", rate_in_hz, channels)
        check_rate_and_channels("the output", rate_out_hz, channels)
        self.rate_in_hz = rate_in_hz
        self.rate_out_hz = rate_out_hz
        self.channels = channels
        self._stream = None
        if rate_in_hz != rate_out_hz:
            import soxr

            self._stream = soxr.ResampleStream(rate_in_hz, rate_out_hz, channels, "float32", QUALITY)
        self._taken_samples = 0
        self._given_samples = 0

    def push(self, block: Block) -> Block:
        """Take a block of any length; gives the samples now ready, perhaps none."""
        self._taken_samples += block.shape[1]
        resampled = self._resample(block)
        self._given_samples += resampled.shape[1]
        return resampled

    def finish(self, total_samples: int | None = None) -> Block:
        """End the stream; gives the samples that make the whole output exactly `total_samples` long.

        Without it the whole is `resampled_length` of what was pushed. Past its end the input counts as
        silence. DataError when the total is already passed, or over a second longer than what was pushed:
        then the data and their stated length do not belong together.
        """
        natural_samples = resampled_length(self._taken_samples, self.rate_in_hz, self.rate_out_hz)
        total = natural_samples if total_samples is None else total_samples
        if not self._given_samples <= total <= natural_samples + self.rate_out_hz:
            raise DataError(f"the stated length is {total} samples, but the audio makes {natural_samples}")
        missing = total - self._given_samples
        silence_samples = max(1, SILENCE_OUT_SAMPLES * self.rate_in_hz // self.rate_out_hz)
        silence = np.zeros((self.channels, min(silence_samples, SILENCE_OUT_SAMPLES)), np.float32)
        pieces: list[Block] = []
        while missing > 0:
            piece = self._resample(silence)[:, :missing]
            missing -= piece.shape[1]
            pieces.append(piece)
        self._given_samples = total
        return np.concatenate([silence[:, :0], *pieces], axis=1)

    def _resample(self, block: Block) -> Block:
        if self._stream is None:
            return block
        interleaved = np.ascontiguousarray(block.T, dtype=np.float32)
        resampled: Block = self._stream.resample_chunk(interleaved)
        return np.ascontiguousarray(resampled.T)

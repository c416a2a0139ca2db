"""The short-time Fourier transform with a sine window, and its exact inverse, as streaming layers.

The window spans two hops. Its square, shifted by a hop and added, is one everywhere (Princen and Bradley,
1986), so analysis followed by synthesis gives the signal back, one hop late.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.fourier import inverse_real_fourier, real_fourier
from codectool.nn.layer import Layer, State


def sine_window(hop: int) -> Tensor:
    """Return the sine window of `2 * hop` samples."""
    window = 2 * hop
    return torch.sin(math.pi * (torch.arange(window, dtype=torch.float64) + 0.5) / window).float()


class Analysis(Layer):
    """Turn `[batch, samples, 1]` into spectra `[batch, frames, 2 * (hop + 1)]`: real parts, then imaginary.

    Frame k covers hops k - 1 and k (hop -1 is silence). A stream of n samples gives ceil(n / hop) + 1 frames:
    the last one completes the last hop for the synthesis.
    """

    window: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.ratio = Fraction(1, hop)
        self.receptive_field = 2 * hop
        self.register_buffer("window", sine_window(hop), persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, self.hop)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, 2 * (self.hop + 1)), state
        samples = torch.cat((state, x[:, :, 0]), dim=1)
        frames = samples.unfold(1, 2 * self.hop, self.hop)
        return torch.cat(real_fourier(frames * self.window), dim=-1), samples[:, -self.hop :]

    def finish(self, rest: Tensor, state: State) -> Tensor:
        hops = 1 + math.ceil(rest.shape[1] / self.hop)  # made whole, and one hop of silence to complete it
        return self.step(F.pad(rest, (0, 0, 0, hops * self.hop - rest.shape[1])), state)[0]


class Synthesis(Layer):
    """Turn spectra `[batch, frames, 2 * (hop + 1)]` into `[batch, frames * hop, 1]` samples, one hop late."""

    window: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.frame_hop = hop
        self.ratio = Fraction(hop)
        self.latency = hop
        self.receptive_field = 2
        self.register_buffer("window", sine_window(hop), persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, 1, self.frame_hop)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, Tensor)
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, 1), state
        real, imaginary = x.float().chunk(2, dim=-1)
        frames: Tensor = inverse_real_fourier(real, imaginary) * self.window
        head, tail = frames[..., : self.frame_hop], frames[..., self.frame_hop :]
        tails = torch.cat((state, tail), dim=1)  # each frame's tail belongs under the next frame's head
        return (head + tails[:, :-1]).flatten(1).unsqueeze(-1), tails[:, -1:]

"""What training minimises: every loss with its weight, as one object."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from weights.recipe.losses import EnvelopeDistance, MelDistances, relative_distance
from weights.recipe.texture import ContrastDistance, RepetitionDistance, RippleDistance, TextureDistance

LOSS_WEIGHTS = {
    "mel": 0.5,
    "audible": 0.8,
    "envelope": 0.7,
    "texture": 0.2,
    "repetition": 1.0,
    "contrast": 0.5,
    "ripple": 0.5,
    "time": 0.5,
    "commitment": 0.1,
}
WAVEFORM_LEVELS = 8  # fewer hold too little for the course of a wave, and are not asked for as much of it
# What is compared of two channels: left, right, their mean, half their difference; and how often
DIRECTIONS = torch.tensor([[1, 0], [0, 1], [0.5, 0.5], [0.5, -0.5]])
DIRECTION_SHARES = torch.tensor([0.3, 0.3, 0.15, 0.25])
# How much the course of each counts as a wave: of a side whose phases are not known nothing would be left,
# for a wave of the wrong phase is further from it than silence.
DIRECTION_COURSES = torch.tensor([0.25, 0.25, 2.0, 0.0])
SIDE = 3  # the number of that difference
# Of the mean, under the difference: a side far fainter is not heard, but has the steepest losses of all.
MASKED = 0.1


def compared(decoded: Tensor, audio: Tensor, chosen: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what is compared of sounds `[batch, channels, samples]`, each `[batch, samples]`.

    `chosen` holds for each of the batch the number of a direction; of one channel there is none to choose.
    """
    if chosen is None:
        return decoded[:, 0], audio[:, 0]
    weights = DIRECTIONS.to(audio.device)[chosen][..., None]
    mask = MASKED * (chosen == SIDE).to(audio.device)[:, None] * audio.mean(1)
    found, wanted = ((sound * weights).sum(1) + mask for sound in (decoded, audio))
    return found, wanted


def draw_directions(batch: int) -> Tensor:
    """Return the numbers of random directions, `[batch]`."""
    return DIRECTION_SHARES.multinomial(batch, replacement=True)


class Objective(nn.Module):
    """The reconstruction losses of decoded audio, and their weighted sum."""

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.spectra = MelDistances(sample_rate_hz)
        self.distances = nn.ModuleDict(
            {
                "envelope": EnvelopeDistance(sample_rate_hz),
                "texture": TextureDistance(sample_rate_hz),
                "repetition": RepetitionDistance(sample_rate_hz),
                "contrast": ContrastDistance(sample_rate_hz),
                "ripple": RippleDistance(sample_rate_hz),
            }
        )

    def forward(
        self, decoded: Tensor, audio: Tensor, kept_levels: Tensor, chosen: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return each loss of `[batch, samples]`, of which each has its number of levels, and direction."""
        losses: dict[str, Tensor] = self.spectra(decoded, audio)
        losses |= {name: distance(decoded, audio) for name, distance in self.distances.items()}
        asked = (kept_levels / WAVEFORM_LEVELS).clamp(max=1).to(audio.device)
        if chosen is not None:
            asked = asked * DIRECTION_COURSES.to(audio.device)[chosen]
        losses["time"] = (asked * relative_distance(decoded, audio)).mean()
        return losses

    @staticmethod
    def total(losses: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of those losses that are there."""
        return torch.stack([LOSS_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()

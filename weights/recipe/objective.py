"""What training minimises: every loss with its weight, as one object."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from weights.recipe.losses import EnvelopeDistance, MelLoss, relative_distance
from weights.recipe.texture import ContrastDistance, RepetitionDistance, RippleDistance, TextureDistance

LOSS_WEIGHTS = {
    "mel": 1.0,
    "envelope": 0.5,
    "texture": 0.2,
    "repetition": 1.0,
    "contrast": 0.5,
    "ripple": 0.5,
    "time": 0.5,
    "commitment": 0.1,
}
WAVEFORM_LEVELS = 8  # fewer hold too little for the course of a wave, and are not asked for as much of it


class Objective(nn.Module):
    """The reconstruction losses of decoded audio, and their weighted sum."""

    def __init__(self, sample_rate_hz: int) -> None:
        super().__init__()
        self.distances = nn.ModuleDict(
            {
                "mel": MelLoss(sample_rate_hz),
                "envelope": EnvelopeDistance(sample_rate_hz),
                "texture": TextureDistance(sample_rate_hz),
                "repetition": RepetitionDistance(sample_rate_hz),
                "contrast": ContrastDistance(),
                "ripple": RippleDistance(),
            }
        )

    def forward(self, decoded: Tensor, audio: Tensor, kept_levels: Tensor) -> dict[str, Tensor]:
        """Return each loss of `[batch, samples]`, of which each has its number of levels."""
        losses = {name: distance(decoded, audio) for name, distance in self.distances.items()}
        asked = (kept_levels / WAVEFORM_LEVELS).clamp(max=1).to(audio.device)
        losses["time"] = (asked * relative_distance(decoded, audio)).mean()
        return losses

    @staticmethod
    def total(losses: dict[str, Tensor]) -> Tensor:
        """Return the weighted sum of those losses that are there."""
        return torch.stack([LOSS_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()

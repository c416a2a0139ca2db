"""Adversarial training: discriminators on short-time spectra, and the balance of their losses.

Source: Défossez et al., EnCodec (arXiv 2210.13438), for discriminators on complex spectra at several
resolutions, hinge losses, feature matching and balance. Here a discriminator is made of matrix products over
tokens, one a frame and band: two-dimensional convolutions ran at a tenth of their speed on the CPU tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

WINDOWS = (2048, 1024, 512)  # samples; a frame every quarter
BAND_BINS = 16
WIDTH = 64
COMPRESSION = 0.3  # exponent for magnitudes, as at the encoder's input
MAGNITUDE_FLOOR = 1e-5
SLOPE = 0.1  # of the leaky rectifier
AGREEMENT_FLOOR = 1e-3
SHARES = {"matching": 0.7, "adversarial": 0.5}  # lengths of their gradients beside the mel loss's
NORM_DECAY = 0.99  # of the moving averages of gradient lengths
WARM_UP_STEPS = 500  # until the discriminators' say is whole


def neighbours(x: Tensor, axis: int, stride: int = 1) -> Tensor:
    """Put each token beside those before and after it along an axis: channels times three."""
    padding = [0, 0] * (x.ndim - axis - 1) + [1, 1]
    padded = F.pad(x, padding)
    count = x.shape[axis]
    parts = [padded.narrow(axis, offset, count) for offset in range(3)]
    if stride > 1:
        index = [slice(None)] * x.ndim
        index[axis] = slice(None, None, stride)
        parts = [part[tuple(index)] for part in parts]
    return torch.cat(parts, dim=-1)


class SpectrumDiscriminator(nn.Module):
    """Judge audio `[batch, samples]` by its spectra in one window: scores, and the features before them."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.bands = window // 2 // BAND_BINS
        self.register_buffer("shape", torch.hann_window(window), persistent=False)
        self.inputs = weight_norm(nn.Linear(3 * 2 * BAND_BINS, WIDTH))
        self.position = nn.Parameter(torch.zeros(self.bands, WIDTH))
        # (axis, stride): 1 is time, 2 is frequency
        self.plan = ((2, 2), (1, 1), (2, 2), (1, 1), (2, 1))
        widths = [WIDTH, *(2 * WIDTH for _ in self.plan)]
        self.layers = nn.ModuleList(
            weight_norm(nn.Linear(3 * before, after)) for before, after in pairwise(widths)
        )
        self.score = weight_norm(nn.Linear(widths[-1], 1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        hop = self.window // 4
        frames = F.pad(audio, (hop, hop)).unfold(1, self.window, hop) * self.shape
        spectrum = torch.fft.rfft(frames, norm="ortho")[..., 1:]  # without the constant: whole bands
        parts = torch.stack((spectrum.real, spectrum.imag), dim=-1)
        power = parts.square().sum(dim=-1, keepdim=True) + MAGNITUDE_FLOOR**2
        x = (parts * power.pow((COMPRESSION - 1) / 2)).unflatten(2, (self.bands, BAND_BINS)).flatten(3)
        x = F.leaky_relu(self.inputs(neighbours(x, 1)) + self.position, SLOPE)
        features = [x]
        for layer, (axis, stride) in zip(self.layers, self.plan, strict=True):
            x = F.leaky_relu(layer(neighbours(x, axis, stride)), SLOPE)
            features.append(x)
        return self.score(x), features


class Discriminators(nn.Module):
    """One discriminator for each window."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(SpectrumDiscriminator(window) for window in WINDOWS)

    def loss(self, real: Tensor, decoded: Tensor) -> Tensor:
        """Hinge loss of the discriminators: real audio above one, decoded audio below minus one."""
        total = real.new_zeros(())
        for member in self.members:
            scores = member(torch.cat((real, decoded)))[0].float()
            above, below = scores.chunk(2)
            total = total + F.relu(1 - above).mean() + F.relu(1 + below).mean()
        return total / len(self.members)

    def codec_losses(self, real: Tensor, decoded: Tensor) -> dict[str, Tensor]:
        """Losses of the codec: how far its audio is from passing, and from the real one's features."""
        adversarial = matching = real.new_zeros(())
        for member in self.members:
            with torch.no_grad():
                wanted = member(real)[1]
            scores, features = member(decoded)
            adversarial = adversarial + F.relu(1 - scores.float()).mean()
            for feature, target in zip(features, wanted, strict=True):
                target = target.float()
                distance = (feature.float() - target).abs().mean() / (target.abs().mean() + AGREEMENT_FLOOR)
                matching = matching + distance / len(wanted)
        return {"adversarial": adversarial / len(self.members), "matching": matching / len(self.members)}


class Adversary:
    """The discriminators with all that trains them, and the balance of their losses against the mel loss.

    The gradient of each of the codec's losses here is brought to `SHARES` times the length of the mel
    distance's at the decoded audio, so that none drowns the others (after EnCodec, section 3.4).
    """

    def __init__(self, learning_rate: float, device: torch.device) -> None:
        self.discriminators = Discriminators().to(device)
        self.optimizer = torch.optim.AdamW(
            self.discriminators.parameters(), lr=learning_rate, betas=(0.8, 0.99), fused=True
        )
        self.norms: dict[str, float] = {}
        self.step = 0

    def learn(self, real: Tensor, decoded: Tensor) -> dict[str, Tensor]:
        """Better the discriminators on `[batch, samples]`, then return the codec's losses against them."""
        self.discriminators.requires_grad_(True)
        loss = self.discriminators.loss(real, decoded.detach())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.discriminators.requires_grad_(False)
        return {"discriminator": loss.detach(), **self.discriminators.codec_losses(real, decoded)}

    def gradient(self, losses: Mapping[str, Tensor], decoded: Tensor) -> Tensor:
        """Return the gradient at `decoded` of the mel loss and the adversary's two losses, balanced."""
        gradients = {
            name: torch.autograd.grad(losses[name], decoded, retain_graph=True)[0]
            for name in ("adversarial", "matching", "mel")
        }
        for name, gradient in gradients.items():
            norm = gradient.norm().item()
            self.norms[name] = NORM_DECAY * self.norms.get(name, norm) + (1 - NORM_DECAY) * norm
        warm = min(1.0, self.step / WARM_UP_STEPS)
        total = gradients["mel"]
        for name, share in SHARES.items():
            total = total + gradients[name] * (warm * share * self.norms["mel"] / max(self.norms[name], 1e-9))
        return total

    def state(self) -> dict[str, Tensor]:
        """Return the discriminators as float16: what a later run goes on from."""
        return {name: value.half() for name, value in self.discriminators.state_dict().items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave; the optimizer's moments are built anew."""
        self.discriminators.load_state_dict(dict(state))
        self.step = WARM_UP_STEPS

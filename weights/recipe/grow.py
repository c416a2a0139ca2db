"""Give shipped weights a wave path: `python -m weights.recipe.grow IN.safetensors OUT.safetensors`.

The network and the codebooks of the first levels stay as they are; the wave's numbers are zero there. The
levels after them code the wave alone, by k-means on training audio, to which made-up signals are added: tones
have their power in few numbers, anywhere, and need entries of their own. The gate begins as the Wiener filter
of the noise that coding leaves, measured with half of the wave's levels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import Config, SpectralCodec, build
from codectool.nn.wave import MEAN_LOG_LOUDNESS, OTHERS, SCALE, log_loudness_of
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import export, load_exported
from weights.recipe.options import weights_parser
from weights.recipe.quantizer import fit_levels
from weights.recipe.signals import draw_signal

KEPT_NUMBERS = 296  # of 320: all up to 11.1 kHz
SEGMENTS, BATCH = 1600, 32  # of one second
SIGNAL_SEGMENTS = 320
FITTED_FRAMES = 80_000
LOUDNESS_POWER = 0.3  # quiet frames are drawn less often, by this power of their loudness


def grown(state: dict[str, Tensor], shipped: Config, painted_levels: int) -> SpectralCodec:
    """Return a model that does with its first levels what one without a wave path does."""
    wave_levels = shipped.levels - painted_levels
    codec = build(replace(shipped, wave_levels=wave_levels, wave_dim=KEPT_NUMBERS + OTHERS))
    state = state | {"quantizer.codebooks": state["quantizer.codebooks"][:painted_levels]}
    codec.load_state_dict(codec.state_dict() | state)
    return codec


def wave_latents(codec: SpectralCodec, corpus: Corpus, rng: np.random.Generator) -> Tensor:
    """Return `[FITTED_FRAMES, wave_dim]` of random training audio and of made-up signals."""
    rows, second = [], codec.config.sample_rate_hz
    for first in range(0, SEGMENTS + SIGNAL_SEGMENTS, BATCH):
        if first < SEGMENTS:
            audio = draw_batch(corpus, rng, BATCH, second)[:, 0]
        else:
            audio = np.stack([draw_signal(rng, second, second) for _ in range(BATCH)])
        spectra = codec.encoder.parts[0](torch.from_numpy(audio)[..., None])
        rows.append(codec.wave.numbers(spectra)[:, 1:-1].flatten(0, 1))
    numbers = torch.cat(rows)
    share = (log_loudness_of(numbers)[:, 0] + 2).clamp(max=0).mul(LOUDNESS_POWER).exp()
    return numbers[torch.multinomial(share, min(FITTED_FRAMES, len(numbers)))]


def set_presence(codebooks: Tensor) -> None:
    """Let the wave be heard by as much as there are of its levels: every entry tells its level's share."""
    codebooks[:, :, -1] = 1 / len(codebooks)


def coding_noise(codec: SpectralCodec, numbers: Tensor, levels: int) -> Tensor:
    """Return the natural log, `[bins]`, of the noise power of each bin over the loudness squared."""
    quantizer = codec.wave.quantizer
    residual = numbers - quantizer.decode(quantizer.encode(numbers[None], levels))[0]
    residual[:, -2] = -SCALE * MEAN_LOG_LOUDNESS  # a loudness of one
    real, imaginary = codec.wave.gate.module.wave(residual).square().mean(0).chunk(2)
    # the transform's inverse holds each hop and its mirror image, so twice the power
    return ((real + imaginary) / 2).log()


@torch.inference_mode()
def main() -> None:
    """Read, grow, fit, write."""
    parser = weights_parser(__doc__, "runs/train_24khz.npy")
    parser.add_argument("--first-level", type=int, default=16, help="the first that codes the wave")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    codec = grown(load_exported(arguments.weights), Config(), arguments.first_level)
    numbers = wave_latents(codec, Corpus(arguments.cache), np.random.default_rng(4))
    quantizer = codec.wave.quantizer
    codebooks = torch.zeros_like(quantizer.codebooks)
    fit_levels(codebooks, numbers, 0)
    quantizer.set_codebooks(codebooks)
    noise = coding_noise(codec, numbers, quantizer.levels // 2)
    set_presence(codebooks)
    quantizer.set_codebooks(codebooks)
    codec.wave.knowing.parts[-1].module.bias[-len(noise) :] = noise
    export(codec.state_dict(), codec.config, arguments.out, {"steps": "0"})


if __name__ == "__main__":
    main()

"""Give shipped weights a wave path: `python -m weights.recipe.grow IN.safetensors OUT.safetensors`.

The network and the codebooks of the first levels stay as they are; the wave's numbers are zero there. The
levels after them code the wave alone, by k-means on training audio, to which made-up signals are added: tones
have their power in few numbers, anywhere, and need entries of their own. The gate begins as the Wiener filter
of the noise that coding leaves, measured with half of the wave's levels.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.models.spectral import Config, SpectralCodec, build
from codectool.nn.wave import MEAN_LOG_LOUDNESS, SCALE, log_loudness_of
from weights.recipe.augment import draw_batch
from weights.recipe.data import SAMPLE_RATE_HZ, Corpus
from weights.recipe.export import export, load_exported
from weights.recipe.quantizer import fit_levels, nearest
from weights.recipe.signals import draw_signal

KEPT_NUMBERS = 296  # of 320: all up to 11.1 kHz
SEGMENTS, BATCH = 1600, 32  # of one second
SIGNAL_SEGMENTS = 160
FITTED_FRAMES = 80_000
LOUDNESS_POWER = 0.3  # quiet frames are drawn less often, by this power of their loudness


def grown_state(state: dict[str, Tensor], codec: SpectralCodec) -> dict[str, Tensor]:
    """Return the state of a model with a wave path that does what one without it does."""
    grown = codec.state_dict()
    head = codec.config.decoder_blocks + 3  # the place of the decoder's last linear map
    for name, value in state.items():
        owner, *rest = name.split(".", 3)
        if owner == "encoder":
            name = f"encoder.parts.1.parts.0.parts.{int(rest[1]) - 1}.{rest[2]}"
        elif owner == "decoder" and int(rest[1]) == head:
            name = f"decoder.parts.1.parts.0.parts.1.{rest[2]}"
        elif owner == "decoder":
            name = f"decoder.parts.0.parts.0.parts.{int(rest[1]) + 1}.{rest[2]}"
        grown[name] = F.pad(value, (0, grown[name].shape[-1] - value.shape[-1]))  # codebooks become wider
    return grown


def wave_latents(codec: SpectralCodec, corpus: Corpus, rng: np.random.Generator) -> Tensor:
    """Return `[FITTED_FRAMES, wave_dim]` of random training audio and of made-up signals."""
    analysis, fork = codec.encoder.parts
    waves = fork.parts[1]
    rows = []
    for first in range(0, SEGMENTS + SIGNAL_SEGMENTS, BATCH):
        if first < SEGMENTS:
            audio = draw_batch(corpus, rng, BATCH, SAMPLE_RATE_HZ)
        else:
            audio = np.stack([draw_signal(rng, SAMPLE_RATE_HZ) for _ in range(BATCH)])
        rows.append(waves(analysis(torch.from_numpy(audio)[..., None]))[:, 1:-1].flatten(0, 1))
    numbers = torch.cat(rows)
    share = (log_loudness_of(numbers)[:, 0] + 2).clamp(max=0).mul(LOUDNESS_POWER).exp()
    return numbers[torch.multinomial(share, min(FITTED_FRAMES, len(numbers)))]


def coding_noise(codec: SpectralCodec, numbers: Tensor, levels: int) -> Tensor:
    """Return the natural log, `[bins]`, of the noise power of each bin over the loudness squared."""
    wave_dim = numbers.shape[1]
    residual = numbers.clone()
    for codebook in codec.quantizer.codebooks[-levels or None :][: levels // 2]:
        entries = codebook[:, -wave_dim:]
        residual -= entries[nearest(residual, entries)]
    spectrum = codec.decoder.parts[2].module.wave
    residual[:, -2] = -SCALE * MEAN_LOG_LOUDNESS  # a loudness of one
    real, imaginary = spectrum(residual).square().mean(0).chunk(2)
    # the transform's inverse holds each hop and its mirror image, so twice the power
    return ((real + imaginary) / 2).log()


@torch.inference_mode()
def main() -> None:
    """Read, grow, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/train_24khz.npy"))
    parser.add_argument("--first-level", type=int, default=16, help="the first that codes the wave")
    parser.add_argument("--codebooks", type=Path, help="take them from these weights, instead of fitting")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    wave_dim = KEPT_NUMBERS + 2
    shipped = Config()
    codec = build(replace(shipped, latent_dim=shipped.latent_dim + wave_dim, wave_dim=wave_dim))
    codec.load_state_dict(grown_state(load_exported(arguments.weights), codec))
    numbers = wave_latents(codec, Corpus(arguments.cache), np.random.default_rng(4))
    codebooks = codec.quantizer.codebooks
    codebooks[arguments.first_level :] = 0
    if arguments.codebooks is None:
        fit_levels(codebooks[arguments.first_level :, :, -wave_dim:], numbers, 0)
    else:
        codebooks = load_exported(arguments.codebooks)["quantizer.codebooks"]
    codec.quantizer.set_codebooks(codebooks)
    noise = coding_noise(codec, numbers, shipped.levels - arguments.first_level)
    codec.decoder.parts[1].parts[1].parts[-1].module.bias[-len(noise) :] = noise
    export(codec.state_dict(), codec.config, arguments.out, {"steps": "0"})


if __name__ == "__main__":
    main()

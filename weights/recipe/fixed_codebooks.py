"""Training around codebooks that stay as they are: they are the format, and files keep their meaning."""

from __future__ import annotations

import torch
from torch import Tensor

from codectool.engines.torch_engine import Codec
from codectool.models.spectral import SpectralCodec
from weights.recipe.validation import in_line


def code_and_decode(model: SpectralCodec, audio: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `[batch, channels, samples]` decodes to, and how far latents are from what codes them.

    Each of the batch has its number of levels, in falling order. Codes are searched as they are in use, and
    gradients pass by the search as if it were not there.
    """
    first_painted = int((levels > model.quantizer.levels).sum())
    parts = [part for part in (slice(0, first_painted), slice(first_painted, None)) if len(levels[part])]
    results = [_part(model, audio[part], levels[part]) for part in parts]
    decoded, distances = zip(*results, strict=True)
    return torch.cat(decoded), torch.cat(distances).mean()


def _part(model: SpectralCodec, audio: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Do so for those that one part of the codec codes; the distances are one by one, and relative."""
    codec: Codec = model.at(int(levels[0]))
    latents = codec.encoder(audio.transpose(1, 2)).float()
    with torch.no_grad(), torch.autocast(audio.device.type, enabled=False):
        quantizer = codec.quantizer
        coded = [
            quantizer.encode(row[None], count) for row, count in zip(latents, levels.tolist(), strict=True)
        ]
        quantized = torch.cat([quantizer.decode(codes) for codes in coded])
    decoded = in_line(codec.decoder, latents + (quantized - latents).detach(), audio.shape[2])
    learned = slice(0, model.config.latent_dim)  # those numbers that the encoder's network makes
    distances = (latents - quantized)[..., learned].square().mean((1, 2))
    return decoded.float(), distances / (quantized[..., learned].square().mean((1, 2)) + 1e-6)

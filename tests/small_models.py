"""Small models that stand in for the shipped one: no test may depend on what trained weights happen to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from codectool.engines.torch_engine import TorchDecoder, TorchEncoder, TorchSegments
from codectool.models.loaded import LoadedModel
from codectool.models.loading import load
from codectool.models.registry import ModelEntry
from codectool.models.search import DESCRIPTION_SUFFIX
from codectool.models.spectral import Config, SpectralCodec, build
from weights.recipe.export import export

SHAPE = Config(latent_dim=8, encoder_width=16, encoder_blocks=1, decoder_width=16, decoder_blocks=1)
GRAPHS = Path(__file__).parent / "graphs"  # of that shape, by `weights.recipe.graphs`
# Of an even bin a hop holds whole periods, so that equal frames join to an unbroken tone. Of this one the
# 10 ms of a fade do too: a sound broken off there, or at the end of a hop, is broken off at a peak.
TONE_BIN = 8


def codec_of(model: LoadedModel) -> Any:
    """Return the torch module that a model runs, or that the graphs it runs were made of."""
    encoder = model.encoder
    if not isinstance(encoder, TorchEncoder):
        encoder = load(model.entry.name, model.weights_path, engine="torch").encoder
    assert isinstance(encoder, TorchEncoder)
    return encoder.codec


def model_of(codec: Any, entry: ModelEntry, device_name: str = "cpu") -> LoadedModel:
    """Return a codec as loading would, with a fingerprint of zeros."""
    device = torch.device(device_name)
    codec.to(device)
    return LoadedModel(
        entry,
        TorchEncoder(codec, device, entry.channels, entry.hop_samples),
        TorchDecoder(codec, device, entry.channels, entry.hop_samples),
        identify=lambda: bytes(8),
        weights_path=Path("none"),
        segments=None if entry.segment_samples is None else TorchSegments(codec, device),
    )


def write_weights(codec: SpectralCodec, path: Path) -> Path:
    """Write weights that load as the registry's model, and graphs: the same stream, only smaller inside."""
    export(codec.state_dict(), SHAPE, path, {})
    for file in GRAPHS.iterdir():
        target = path.with_suffix(DESCRIPTION_SUFFIX) if file.suffix == ".json" else path.parent / file.name
        shutil.copyfile(file, target)
    return path


def write_incomplete_weights(codec: SpectralCodec, path: Path) -> Path:
    """Write weights in which one tensor is missing."""
    tensors = codec.state_dict()
    tensors.popitem()
    export(tensors, SHAPE, path, {})
    return path


def noise_codec(seed: int) -> SpectralCodec:
    """Return a model that decodes to noise in which every code takes part."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        codec = build(SHAPE)
        level_scales = 0.65 ** torch.arange(SHAPE.levels).clamp(
            max=10
        )  # about what a level leaves to the next
        codebooks = torch.randn(SHAPE.levels, SHAPE.codebook_size, SHAPE.latent_dim)
        codec.quantizer.set_codebooks(codebooks * level_scales[:, None, None])
    return codec


def tone_codec() -> SpectralCodec:
    """Return a model that decodes anything to a steady tone, twice full scale, so smooth that clicks show."""
    codec = noise_codec(seed=0)
    head = [module for module in codec.decoder.modules() if isinstance(module, nn.Linear)][-1]
    bins = head.out_features // 2
    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.bias[:bins] = -20.0  # log magnitudes; the phases are 0, a peak
        head.bias[TONE_BIN] = 3.0
    return codec

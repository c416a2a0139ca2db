"""DAC against `descript-audio-codec` and transformers, with the same random weights, in small shapes."""

from __future__ import annotations

import functools
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from codectool.models.checkpoints import read_checkpoint
from codectool.models.dac import Config, DacCodec, build, own_dac
from codectool.nn.linear import pack

from .random_weights import fill, noise, share_of_equal
from .stubs import module, stubbed

EVEN = Config(levels=3, codebook_size=64, latent_dim=16, encoder_width=4, decoder_width=32, strides=(2, 4))
ODD = Config(levels=3, codebook_size=64, latent_dim=16, encoder_width=4, decoder_width=32, strides=(2, 5))
SAMPLES = (1, 7, 8, 9, 400, 3999)


def descript_dac(config: Config) -> Any:
    """Return the published code's model with random weights; audiotools, which reads files, is a stub."""
    model_module = published_module()
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses torch's older form of weight norm
        model = model_module.DAC(
            encoder_dim=config.encoder_width,
            encoder_rates=list(config.strides),
            latent_dim=config.latent_dim,
            decoder_dim=config.decoder_width,
            decoder_rates=list(reversed(config.strides)),
            n_codebooks=config.levels,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            sample_rate=config.sample_rate_hz,
        ).eval()
    vary(model)
    return model


@functools.cache
def published_module() -> Any:
    """Return the module `dac.model.dac` without what else its package imports."""
    spec = importlib.util.find_spec("dac")
    if spec is None:
        pytest.skip("descript-audio-codec is not installed")
    tools = {"AudioSignal": object, "ml": module("audiotools.ml", BaseModel=nn.Module)}
    folder = spec.submodule_search_locations[0]
    for name, path in (("dac", ""), ("dac.nn", "nn"), ("dac.model", "model")):
        if name not in sys.modules:
            package = ModuleType(name)
            package.__path__ = [str(Path(folder, path))]
            sys.modules[name] = package
    with stubbed(audiotools=tools), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.script
        return importlib.import_module("dac.model.dac")


def vary(model: nn.Module) -> None:
    """Give a model, of either package, random weights that matter."""
    fill(model, gain=0.4)  # larger, and every rounding would grow on its way
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight_g"):
                parameter.fill_(0.4)
            elif name.endswith("alpha"):
                nn.init.uniform_(parameter, 0.3, 2.0)
            elif name.endswith("codebook.weight"):
                nn.init.normal_(parameter)


def transformers_dac(config: Config) -> Any:
    """Return transformers' model with random weights."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.DacModel(
        transformers.DacConfig(
            encoder_hidden_size=config.encoder_width,
            downsampling_ratios=list(config.strides),
            decoder_hidden_size=config.decoder_width,
            upsampling_ratios=list(reversed(config.strides)),
            n_codebooks=config.levels,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            hidden_size=config.latent_dim,
            sampling_rate=config.sample_rate_hz,
        )
    ).eval()
    vary(model)
    return model


def ours(published: Mapping[str, Tensor], config: Config) -> DacCodec:
    """Return our model with the weights of a published checkpoint, ready to run."""
    codec = build(config)
    codec.load_state_dict(own_dac(published))
    codec.eval().requires_grad_(False)
    pack(codec, torch.float32)
    return codec


def check_equal(theirs: SimpleNamespace, codec: DacCodec, whole: bool) -> None:
    """Compare codes and sound; not `whole`, all but what the last steps of a stream reach."""
    hop = codec.config.hop_samples
    for samples in SAMPLES:
        audio = noise(samples)
        padded = torch.nn.functional.pad(audio, (0, -samples % hop))
        their_codes = theirs.encode(padded)
        our_codes = codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)))
        assert share_of_equal(our_codes, their_codes) == 1
        for levels in (1, codec.config.levels):
            their_audio = theirs.decode(their_codes[:, :levels])
            our_audio = codec.decoder(codec.quantizer.decode(their_codes[:, :levels])).transpose(1, 2)
            assert our_audio.shape == padded.shape
            same = our_audio.shape[2]
            if not whole:
                same -= (codec.decoder.receptive_field or 0) * hop
            torch.testing.assert_close(
                our_audio[..., : max(0, same)], their_audio[..., : max(0, same)], atol=2e-5, rtol=1e-4
            )


@torch.inference_mode()
@pytest.mark.parametrize("config", [EVEN, ODD])
def test_equals_the_published_code(config: Config, tmp_path: Path) -> None:
    theirs = descript_dac(config)
    torch.save({"state_dict": theirs.state_dict(), "metadata": {"kwargs": {}}}, tmp_path / "weights.pth")
    tensors, _ = read_checkpoint(tmp_path / "weights.pth")
    both = SimpleNamespace(
        encode=lambda audio: theirs.encode(audio)[1],
        decode=lambda codes: theirs.decode(theirs.quantizer.from_codes(codes)[0]),
    )
    check_equal(both, ours(tensors, config), whole=config is EVEN)


@torch.inference_mode()
@pytest.mark.parametrize("config", [EVEN, ODD])
def test_equals_transformers(config: Config, tmp_path: Path) -> None:
    theirs = transformers_dac(config)
    theirs.save_pretrained(tmp_path)
    both = SimpleNamespace(
        encode=lambda audio: theirs.encode(audio).audio_codes,
        decode=lambda codes: theirs.decode(audio_codes=codes).audio_values[:, None],
    )
    check_equal(both, ours(load_file(tmp_path / "model.safetensors"), config), whole=config is EVEN)

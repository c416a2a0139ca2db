"""Mimi against `moshi` and transformers, with the same random weights, in a small shape."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from codectool.models.mimi import Config, MimiCodec, build
from codectool.models.mimi_names import own_mimi
from codectool.nn.linear import pack

from .random_weights import draw_codebooks, fill, noise, share_of_equal
from .stubs import stubbed

SMALL = Config(
    filters=8,
    ratios=(4, 3),
    dim=64,
    layers=2,
    expanded=96,
    window=9,
    levels=5,
    codebook_size=64,
    codebook_dim=16,
)
SAMPLES = (1, 23, 24, 25, 1000, 2399)


def transformers_mimi(config: Config = SMALL) -> Any:
    """Return transformers' model with random weights."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.MimiModel(
        transformers.MimiConfig(
            num_filters=config.filters,
            upsampling_ratios=list(config.ratios),
            hidden_size=config.dim,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.dim // config.heads,
            intermediate_size=config.expanded,
            sliding_window=config.window,
            num_quantizers=config.levels,
            codebook_size=config.codebook_size,
            codebook_dim=config.codebook_dim,
            vector_quantization_hidden_dimension=config.codebook_dim,
            frame_rate=config.sample_rate_hz / config.hop_samples,
            upsample_groups=config.dim,
        )
    ).eval()
    fill(model)
    for name, parameter in model.named_parameters():
        if name.endswith("scale.scale"):
            nn.init.normal_(parameter, mean=0.4, std=0.1)
    quantizers = (
        model.quantizer.semantic_residual_vector_quantizer,
        model.quantizer.acoustic_residual_vector_quantizer,
    )
    latents = torch.randn(500, config.codebook_dim)
    for quantizer in quantizers:
        books = draw_codebooks(latents, [config.codebook_size] * len(quantizer.layers))
        for layer, book in zip(quantizer.layers, books, strict=True):
            usage = torch.rand(config.codebook_size) + 0.5
            layer.codebook.cluster_usage.copy_(usage)
            layer.codebook.embed_sum.copy_(book * usage[:, None])
            layer.codebook.initialized.fill_(1)
    return model


def moshi_mimi(config: Config = SMALL) -> Any:
    """Return moshi's model, still without the weights that it is to have."""
    if importlib.util.find_spec("moshi") is None:
        pytest.skip("moshi is not installed")
    with stubbed(sentencepiece={"SentencePieceProcessor": object}, sphn={}):  # of its language model
        from moshi.models import loaders

    shape = loaders._mimi_config
    seanet = shape["seanet"] | {
        "dimension": config.dim,
        "n_filters": config.filters,
        "ratios": list(config.ratios),
    }
    return loaders.get_mimi(
        None,
        {
            "sample_rate": config.sample_rate_hz,
            "channels": 1,
            "frame_rate": config.sample_rate_hz / config.hop_samples,
            "seanet": seanet,
            "quantizer": shape["quantizer"]
            | {
                "dimension": config.codebook_dim,
                "n_q": config.levels,
                "bins": config.codebook_size,
                "input_dimension": config.dim,
                "output_dimension": config.dim,
            },
            "transformer": shape["transformer"]
            | {
                "d_model": config.dim,
                "num_layers": config.layers,
                "num_heads": config.heads,
                "context": config.window,
                "dim_feedforward": config.expanded,
                "input_dimension": config.dim,
                "output_dimensions": [config.dim],
            },
        },
        num_codebooks=config.levels,
    )


def ours(published: Mapping[str, Tensor], config: Config = SMALL) -> MimiCodec:
    """Return our model with the weights of a published checkpoint, ready to run."""
    codec = build(config)
    codec.load_state_dict(own_mimi(published))
    codec.eval().requires_grad_(False)
    pack(codec, torch.float32)
    return codec


def random_moshi(config: Config = SMALL) -> Any:
    """Return moshi's model with random weights."""
    torch.manual_seed(0)
    model = moshi_mimi(config).eval()
    fill(model)
    for name, parameter in model.named_parameters():
        if name.endswith(".scale"):
            nn.init.normal_(parameter, mean=0.4, std=0.1)
    for quantizer in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
        books = draw_codebooks(torch.randn(500, config.codebook_dim), [config.codebook_size] * quantizer.n_q)
        for layer, book in zip(quantizer.vq.layers, books, strict=True):
            usage = torch.rand(config.codebook_size) + 0.5
            layer._codebook.cluster_usage.copy_(usage)
            layer._codebook.embedding_sum.copy_(book * usage[:, None])
            layer._codebook._initialized.fill_(1)
    return model


@torch.inference_mode()
def test_equals_moshi() -> None:
    theirs = random_moshi()
    codec = ours(theirs.state_dict())
    for samples in SAMPLES:
        audio = noise(samples)
        their_codes = theirs.encode(audio)
        our_codes = codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)))
        assert share_of_equal(our_codes, their_codes) == 1
        for levels in (1, 3, SMALL.levels):
            their_audio = theirs.decode(their_codes[:, :levels])
            our_audio = codec.decoder(codec.quantizer.decode(their_codes[:, :levels]))
            torch.testing.assert_close(our_audio.transpose(1, 2), their_audio, atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_equals_transformers(tmp_path: Path) -> None:
    theirs = transformers_mimi()
    theirs.save_pretrained(tmp_path)
    codec = ours(load_file(tmp_path / "model.safetensors"))
    for samples in (24, 48, 2400):  # whole frames: it does not fill the last one up before the first layer
        audio = noise(samples)
        their_codes = theirs.encode(audio).audio_codes
        our_codes = codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)))
        assert share_of_equal(our_codes, their_codes) == 1
        their_audio = theirs.decode(their_codes).audio_values
        our_audio = codec.decoder(codec.quantizer.decode(their_codes))
        torch.testing.assert_close(our_audio.transpose(1, 2), their_audio, atol=2e-5, rtol=1e-4)


def test_levels_not_asked_for_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = build(SMALL)
    acoustic = codec.quantizer.parts[1]
    monkeypatch.setattr(acoustic, "nearest", None)
    codec.quantizer.encode(torch.randn(1, 3, SMALL.dim), levels=1)


def test_a_checkpoint_that_is_not_whole_is_refused() -> None:
    published = random_moshi().state_dict()
    for missing in ("quantizer.rvq_rest.vq.layers.1._codebook.embedding_sum",):
        with pytest.raises(ValueError, match="level 1 is not whole"):
            own_mimi({key: value for key, value in published.items() if key != missing})

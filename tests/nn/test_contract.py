"""Every layer keeps the streaming contract."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codectool.models.spectral import Config, build
from codectool.nn.convolution import CausalConvolution, ConvNeXtBlock, Pointwise
from codectool.nn.layer import Chain, Layer
from codectool.nn.transform import Analysis, Synthesis

from .contract import check_contract

SMALL = Config(latent_dim=8, encoder_width=16, decoder_width=12, encoder_blocks=2, decoder_blocks=3)

LAYERS = {
    "convolution": (lambda: CausalConvolution(5, 7, kernel=4), 5),
    "convolution_of_one": (lambda: CausalConvolution(5, 7, kernel=1), 5),
    "depthwise": (lambda: CausalConvolution(6, 6, kernel=7, groups=6), 6),
    "convnext": (lambda: ConvNeXtBlock(8, kernel=7, expansion=3, initial_scale=0.5), 8),
    "pointwise": (lambda: Pointwise(nn.Linear(5, 3)), 5),
    "analysis": (lambda: Analysis(20), 1),
    "synthesis": (lambda: Synthesis(20), 42),
    "transform_and_back": (lambda: Chain([Analysis(20), Synthesis(20)]), 1),
    "two_analyses": (lambda: Chain([Analysis(20), Pointwise(nn.Linear(42, 1)), Analysis(3)]), 1),
    "encoder": (lambda: build(SMALL).encoder, 1),
    "decoder": (lambda: build(SMALL).decoder, SMALL.latent_dim),
}


@pytest.mark.parametrize("name", LAYERS)
def test_contract(name: str) -> None:
    torch.manual_seed(0)
    make, channels = LAYERS[name]
    layer: Layer = make()
    check_contract(layer.eval(), channels)


def test_a_chain_derives_its_numbers() -> None:
    codec = build(Config())
    assert codec.encoder.hop == 320
    assert codec.encoder.ratio == 1 / codec.decoder.ratio
    assert codec.encoder.receptive_field == 640 + 8 * 6 * 320  # two hops, and six frames a block
    assert codec.decoder.receptive_field == 7 + 8 * 6 + 1
    assert (codec.encoder.latency, codec.decoder.latency) == (0, 320)


class Forgetful(Pointwise):
    """A layer that breaks the contract: it hides its state in an attribute."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = getattr(self, "seen", 0) + x.shape[1]
        return x + self.seen


def test_the_checker_finds_hidden_state() -> None:
    with pytest.raises(AssertionError):
        check_contract(Forgetful(nn.Identity()), 2)


class Peeking(Pointwise):
    """A layer that breaks the contract: whole signals see what comes later."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + x.sum(dim=1, keepdim=True)


def test_the_checker_finds_a_look_ahead() -> None:
    with pytest.raises(AssertionError):
        check_contract(Peeking(nn.Identity()), 2)

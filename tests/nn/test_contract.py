"""Every layer keeps the streaming contract."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codectool.models import encodec
from codectool.models.spectral import Config, build
from codectool.nn.convolution import CausalConvolution, ConvNeXtBlock, Pointwise
from codectool.nn.layer import Chain, Fork, Layer
from codectool.nn.linear import pack
from codectool.nn.recurrent import ResidualLSTM
from codectool.nn.seanet import ResidualBlock
from codectool.nn.seanet_convolution import ReflectedConvolution, TransposedConvolution
from codectool.nn.transform import Analysis, Synthesis

from .contract import check_contract

SMALL = Config(latent_dim=8, encoder_width=16, decoder_width=12, encoder_blocks=2, decoder_blocks=3)
WAVE = Config(
    hop_samples=20,
    latent_dim=20,
    wave_dim=12,
    encoder_width=16,
    encoder_blocks=2,
    decoder_width=12,
    decoder_blocks=3,
)
SMALL_ENCODEC = encodec.Config(latent_dim=8, filters=4, ratios=(4, 3, 2), levels=2)

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
    "reflected": (lambda: ReflectedConvolution(5, 7, kernel=3), 5),
    "reflected_long": (lambda: ReflectedConvolution(1, 4, kernel=7), 1),
    "reflected_of_one": (lambda: ReflectedConvolution(5, 7, kernel=1), 5),
    "reflected_down": (lambda: ReflectedConvolution(6, 4, kernel=8, stride=4), 6),
    "reflected_down_odd": (lambda: ReflectedConvolution(6, 4, kernel=10, stride=5), 6),
    "transposed": (lambda: TransposedConvolution(5, 7, stride=3), 5),
    "residual": (lambda: ResidualBlock(8), 8),
    "residual_identity": (lambda: ResidualBlock(8, identity_skip=True), 8),
    "lstm": (lambda: ResidualLSTM(8, layers=2), 8),
    "encodec_encoder": (lambda: encodec.build(SMALL_ENCODEC).encoder, 1),
    "encodec_decoder": (lambda: encodec.build(SMALL_ENCODEC).decoder, SMALL_ENCODEC.latent_dim),
    "encoder": (lambda: build(SMALL).encoder, 1),
    "decoder": (lambda: build(SMALL).decoder, SMALL.latent_dim),
    "fork": (lambda: Fork([CausalConvolution(5, 7, kernel=4), Pointwise(nn.Linear(5, 3))]), 5),
    "fork_of_hops": (lambda: Fork([Analysis(20), Chain([Analysis(20), Pointwise(nn.Linear(42, 1))])]), 1),
    "wave_encoder": (lambda: build(WAVE).encoder, 1),
    "wave_decoder": (lambda: build(WAVE).decoder, WAVE.latent_dim),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_contract(name: str, packed: bool) -> None:
    torch.manual_seed(0)
    make, channels = LAYERS[name]
    layer: Layer = make()
    if packed:
        pack(layer, torch.float32)
    check_contract(layer.eval(), channels)


def test_a_chain_derives_its_numbers() -> None:
    codec = build(Config())
    assert codec.encoder.hop == 320
    assert codec.encoder.ratio == 1 / codec.decoder.ratio
    assert codec.encoder.receptive_field == 640 + 8 * 6 * 320  # two hops, and six frames a block
    assert codec.decoder.receptive_field == 7 + 8 * 6 + 1
    assert (codec.encoder.latency, codec.decoder.latency) == (0, 320)
    assert (codec.encoder.first_push, codec.decoder.first_push) == (0, 0)


def test_layers_side_by_side_must_keep_step() -> None:
    with pytest.raises(ValueError, match="ratio"):
        Fork([Analysis(20), Pointwise(nn.Linear(1, 1))])


def test_a_chain_needs_what_its_parts_need_to_begin() -> None:
    codec = encodec.build(encodec.Config())
    assert codec.encoder.hop == 320
    assert codec.encoder.first_push == 7 * 320  # the last kernel's mirror image is six frames ahead
    assert codec.decoder.first_push == 7
    assert codec.encoder.receptive_field is None


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

"""Every layer keeps the streaming contract."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from codectool.models import dac, encodec, mimi, qwen3_tts, snac
from codectool.models.spectral import Config, build
from codectool.nn.convolution import CausalConvolution, ConvNeXtBlock, Pointwise
from codectool.nn.dac_blocks import decoder_block, encoder_block, residual_unit
from codectool.nn.framing import FilledUp, Fold, Unfold, WholeHops
from codectool.nn.layer import Chain, Fork, Layer
from codectool.nn.linear import pack
from codectool.nn.local_attention import LocalAttention
from codectool.nn.recurrent import ResidualLSTM
from codectool.nn.seanet import ResidualBlock
from codectool.nn.seanet_convolution import ReflectedConvolution, TransposedConvolution
from codectool.nn.snake import SnakeBeta
from codectool.nn.transform import Analysis, Synthesis
from codectool.nn.transformer import TransformerBlock
from codectool.nn.zero_padded import ZeroPaddedConvolution, ZeroPaddedTransposed
from tests.models.small_field import SMALL_MIMI, SMALL_QWEN

from .contract import check_contract

SMALL = Config(latent_dim=8, encoder_width=16, decoder_width=12, encoder_blocks=2, decoder_blocks=3)
WAVE = Config(
    hop_samples=20,
    latent_dim=8,
    wave_levels=16,
    wave_dim=12,
    encoder_width=16,
    encoder_blocks=2,
    decoder_width=12,
    decoder_blocks=3,
)
STEREO = Config(
    hop_samples=20,
    channels=2,
    latent_dim=8,
    encoder_width=16,
    encoder_blocks=2,
    decoder_width=12,
    decoder_blocks=3,
)
ENVELOPE = replace(STEREO, envelope_levels=16, envelope_bands=3)
SMALL_ENCODEC = encodec.Config(latent_dim=8, filters=4, ratios=(4, 3, 2), levels=2)
SMALL_DAC = dac.Config(
    levels=2, codebook_size=8, latent_dim=6, encoder_width=4, decoder_width=8, strides=(3,)
)
SMALL_SNAC = snac.Config(
    codebook_size=8, encoder_width=64, decoder_width=64, strides=(2,), rows_per_codebook=(1, 2), window=4
)

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
    "zero_padded": (lambda: ZeroPaddedConvolution(5, 7, 3, dilation=2), 5),
    "zero_padded_to_one": (lambda: ZeroPaddedConvolution(5, 1, 7, look_ahead=3), 5),
    "zero_padded_of_one": (lambda: ZeroPaddedConvolution(5, 7, 1), 5),
    "ahead": (lambda: ZeroPaddedConvolution(5, 7, 7, dilation=3, look_ahead=9), 5),
    "ahead_depthwise": (lambda: ZeroPaddedConvolution(6, 6, 7, groups=6, look_ahead=3), 6),
    "ahead_down": (lambda: ZeroPaddedConvolution(5, 7, 8, 4, look_ahead=2), 5),
    "ahead_down_odd": (lambda: ZeroPaddedConvolution(5, 7, 10, 5, look_ahead=2), 5),
    "first_repeated": (lambda: ZeroPaddedConvolution(5, 7, 4, 2, bias=False, repeat_first=True), 5),
    "zero_padded_up": (lambda: ZeroPaddedTransposed(5, 7, 3), 5),
    "zero_padded_up_depthwise": (lambda: ZeroPaddedTransposed(6, 6, 2, groups=6, bias=False), 6),
    "ahead_up": (lambda: ZeroPaddedTransposed(5, 7, 4, shift=2), 5),
    "ahead_up_odd": (lambda: ZeroPaddedTransposed(5, 7, 5, shift=3), 5),
    "ahead_residual": (lambda: residual_unit(4, dilation=3), 4),
    "ahead_block_down": (lambda: encoder_block(4, 3), 4),
    "ahead_block_up": (lambda: decoder_block(8, 3), 8),
    "snake": (lambda: SnakeBeta(5), 5),
    "transformer": (lambda: TransformerBlock(16, 2, 24, window=7), 16),
    "transformer_gated": (lambda: TransformerBlock(16, 2, 24, window=7, head_dim=4, gated=True), 16),
    "local_attention": (lambda: LocalAttention(64, window=6), 64),
    "whole_hops": (lambda: WholeHops(4), 2),
    "filled_up": (lambda: FilledUp(Fold(4), hop=4, hops=3), 2),
    "fold": (lambda: Fold(3), 2),
    "unfold": (lambda: Unfold(3), 6),
    "mimi_encoder": (lambda: mimi.build(mimi.Config(**vars(SMALL_MIMI))).encoder, 1),
    "mimi_decoder": (lambda: mimi.build(mimi.Config(**vars(SMALL_MIMI))).decoder, 16),
    "dac_encoder": (lambda: dac.build(SMALL_DAC).encoder, 1),
    "dac_decoder": (lambda: dac.build(SMALL_DAC).decoder, 6),
    "snac_encoder": (lambda: snac.build(SMALL_SNAC).encoder, 1),
    "snac_decoder": (lambda: snac.build(SMALL_SNAC).decoder, 2 * SMALL_SNAC.latent_dim),
    "qwen3_tts_decoder": (lambda: qwen3_tts.build(SMALL_QWEN).decoder, 16),
    "encoder": (lambda: build(SMALL).encoder, 1),
    "decoder": (lambda: build(SMALL).decoder, SMALL.latent_dim),
    "fork": (lambda: Fork([CausalConvolution(5, 7, kernel=4), Pointwise(nn.Linear(5, 3))]), 5),
    "fork_of_hops": (lambda: Fork([Analysis(20), Chain([Analysis(20), Pointwise(nn.Linear(42, 1))])]), 1),
    "stereo_encoder": (lambda: build(STEREO).encoder, 2),
    "stereo_decoder": (lambda: build(STEREO).decoder, STEREO.latent_dim),
    "wave_encoder": (lambda: build(WAVE).at(32).encoder, 1),
    "envelope_encoder": (lambda: build(ENVELOPE).at(32).encoder, 2),
    "envelope_decoder": (lambda: build(ENVELOPE).at(32).decoder, ENVELOPE.latent_dim + 7),
    "wave_decoder": (lambda: build(WAVE).at(32).decoder, WAVE.latent_dim + WAVE.wave_dim),
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

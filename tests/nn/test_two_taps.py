"""Two taps by four products for three outputs: what the taps give, as strides down and up too."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from codectool.nn.layer import Layer
from codectool.nn.linear import pack
from codectool.nn.two_taps import LARGEST, NARROWEST, TwoTaps, suits
from codectool.nn.zero_padded import ZeroPaddedConvolution, ZeroPaddedTransposed

INPUTS, OUTPUTS = 192, 200


def test_it_gives_what_taps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codectool.nn.two_taps.TILE_BYTES", 1 << 16)  # several tiles
    torch.manual_seed(0)
    first, second = torch.randn(2, OUTPUTS, INPUTS) / INPUTS**0.5
    bias = torch.randn(OUTPUTS)
    for rows in (1, 2, 3, 4, 77):
        x = torch.randn(2, rows + 1, INPUTS)
        exact = F.linear(x[:, :-1].double(), first.double(), bias.double())
        exact = exact + F.linear(x[:, 1:].double(), second.double())
        found = TwoTaps(first, second, bias)(x)
        assert found.shape == exact.shape
        assert (found - exact).abs().max() < 4e-6


def test_only_what_gains_by_it_is_computed_so() -> None:
    assert suits(NARROWEST, NARROWEST)
    assert not suits(NARROWEST - 1, NARROWEST)
    assert not suits(NARROWEST, LARGEST)


@torch.inference_mode()
@pytest.mark.parametrize(
    "layer",
    [
        ZeroPaddedConvolution(50, OUTPUTS, 8, 4, look_ahead=2),
        ZeroPaddedConvolution(50, OUTPUTS, 10, 5),
        ZeroPaddedTransposed(INPUTS, 50, 4, shift=2),
        ZeroPaddedTransposed(INPUTS, 50, 5),
    ],
    ids=["ahead_down", "down", "ahead_up", "up"],
)
def test_packed_strides_are_as_plain_ones_in_any_pieces(layer: Layer) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 203, 50 if isinstance(layer, ZeroPaddedConvolution) else INPUTS)
    expected = layer.requires_grad_(False)(x)
    pack(layer, torch.float32, release=True)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
    for size in (1, 7, 64):
        state, outputs = layer.initial_state(2), []
        for piece in x.split(size, dim=1):
            y, state = layer.step(piece, state)
            outputs.append(y)
        streamed = torch.cat((*outputs, layer.finish(x[:, :0], state)), dim=1)
        torch.testing.assert_close(streamed, expected, atol=1e-5, rtol=1e-5)

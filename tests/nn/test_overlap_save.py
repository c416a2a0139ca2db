"""Convolution by short Fourier transforms: what taps give, in any pieces, and the same bits on one grid."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from codectool.nn.layer import Chain
from codectool.nn.linear import pack
from codectool.nn.overlap_save import LENGTH, OverlapSave, suits
from codectool.nn.zero_padded import ZeroPaddedConvolution

WIDTH, KERNEL = 64, 7


def wide(dilation: int) -> ZeroPaddedConvolution:
    """Return a packed layer wide enough for transforms, which sees as much behind as before."""
    torch.manual_seed(dilation)
    layer = ZeroPaddedConvolution(WIDTH, WIDTH, KERNEL, dilation=dilation, look_ahead=3 * dilation)
    pack(layer.eval().requires_grad_(False), torch.float32)
    return layer


@pytest.mark.parametrize("taps", [5, 7, 8])
@pytest.mark.parametrize("dilation", [1, 3, 9])
def test_it_gives_what_taps_do(taps: int, dilation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codectool.nn.overlap_save.TILE_BYTES", 1 << 20)  # several tiles
    torch.manual_seed(0)
    weight, bias = torch.randn(70, WIDTH, taps) / (taps * WIDTH) ** 0.5, torch.randn(70)
    for steps in (1, 9, 10, 11, 777):
        x = torch.randn(2, steps + (taps - 1) * dilation, WIDTH)
        exact = F.conv1d(x.double().transpose(1, 2), weight.double(), bias.double(), dilation=dilation)
        plain = F.conv1d(x.transpose(1, 2), weight, bias, dilation=dilation)
        found = OverlapSave(weight, bias, dilation)(x).transpose(1, 2)
        assert found.shape == exact.shape
        error, usual = (found - exact).abs().max(), (plain - exact).abs().max()
        assert error < 2 * usual.clamp(min=1e-6)  # no worse than what it takes the place of


def test_only_what_gains_by_it_is_computed_so() -> None:
    assert suits(KERNEL, WIDTH, WIDTH)
    assert not suits(KERNEL, 16, WIDTH)
    assert not suits(3, WIDTH, WIDTH)
    convolve = OverlapSave(torch.randn(WIDTH, WIDTH, KERNEL), torch.zeros(WIDTH), 9)
    assert not convolve.pays(8)  # a transform makes 10 steps for each of 9 places
    assert convolve.pays(9 * (LENGTH - KERNEL + 1))


@torch.inference_mode()
@pytest.mark.parametrize("dilation", [1, 9])
def test_streams_in_pieces_are_as_the_whole(dilation: int) -> None:
    layer = wide(dilation)
    x = torch.randn(2, 700, WIDTH)
    whole = layer(x)
    for size in (1, 7, 128, 699):
        state, outputs = layer.initial_state(2), []
        for piece in x[:, :690].split(size, dim=1):
            y, state = layer.step(piece, state)
            outputs.append(y)
        streamed = torch.cat((*outputs, layer.finish(x[:, 690:], state)), dim=1)
        torch.testing.assert_close(streamed, whole, atol=2e-5, rtol=2e-5)


@torch.inference_mode()
def test_one_grid_gives_the_same_bits_from_wherever_it_begins_and_beside_others() -> None:
    layer, block = wide(3), 200
    x = torch.randn(2, 6 * block, WIDTH)

    def streamed(rows: torch.Tensor) -> list[torch.Tensor]:
        state, outputs = layer.initial_state(len(rows)), []
        for piece in rows.split(block, dim=1):
            y, state = layer.step(piece, state)
            outputs.append(y)
        return outputs

    together, alone, late = streamed(x), streamed(x[:1]), streamed(x[:1, 2 * block :])
    assert all(torch.equal(both[:1], one) for both, one in zip(together, alone, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(alone[3:], late[1:], strict=True))


@torch.inference_mode()
def test_a_chain_in_pieces_is_as_the_whole() -> None:
    torch.manual_seed(0)
    parts = [ZeroPaddedConvolution(2, 2, 7, look_ahead=3), ZeroPaddedConvolution(2, 2, 4, 2, look_ahead=1)]
    whole, pieces = Chain(parts), Chain(parts, piece=8)
    x = torch.randn(2, 75, 2)
    expected = whole(x)
    y, state = pieces.step(x[:, :50], pieces.initial_state(2))
    found = torch.cat((y, pieces.finish(x[:, 50:], state)), dim=1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(pieces.finish(x, pieces.initial_state(2)), expected)

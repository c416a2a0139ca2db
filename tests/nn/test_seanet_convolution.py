"""SEANet's convolutions against their slow obvious twins."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from codectool.nn.linear import pack
from codectool.nn.seanet_convolution import WIDE, ReflectedConvolution, TransposedConvolution, reflect


def slow_reflect(row: list[int], before: int, after: int) -> list[int]:
    """Mirror one step at a time; a short row has zeros behind it, of which as many fall away at the end."""
    missing = max(0, max(before, after) + 1 - len(row))
    longer = row + [0] * missing
    last = len(longer) - 1
    places = [last - abs(last - abs(place)) for place in range(-before, len(longer) + after)]
    return [longer[place] for place in places][: len(places) - missing]


def test_reflect_equals_its_twin() -> None:
    for length in range(1, 9):
        for before in range(7):
            for after in range(7):
                row = list(range(1, length + 1))
                extended = reflect(torch.tensor(row)[None, :, None], before, after)
                assert extended[0, :, 0].tolist() == slow_reflect(row, before, after)


@torch.inference_mode()
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (7, 1), (4, 2), (10, 5), (16, 8)])
def test_convolution_equals_its_twin(kernel: int, stride: int, causal: bool, packed: bool) -> None:
    torch.manual_seed(0)
    for inputs in (3, WIDE):
        layer = ReflectedConvolution(inputs, 4, kernel, stride, causal)
        if packed:
            pack(layer, torch.float32)
        check_against_twin(layer, inputs)


def check_against_twin(layer: ReflectedConvolution, inputs: int) -> None:
    """Compare with torch's convolution of what the slow twin extends."""
    kernel, stride, causal = layer.kernel, layer.hop, layer.causal
    weight, bias = layer.convolution.weight, layer.convolution.bias
    for length in (1, 2, stride, 3 * stride + 1, 23):
        x = torch.randn(2, length, inputs)
        behind = kernel - stride if causal else (kernel - stride + 1) // 2
        places = slow_reflect(list(range(1, length + 1)), behind, kernel - stride - behind - length % -stride)
        mirrored = F.pad(x, (0, 0, 1, 0))[:, places]  # place 0 is a zero
        expected = F.conv1d(mirrored.transpose(1, 2), weight, bias, stride).transpose(1, 2)
        assert expected.shape[1] == -(-length // stride)
        torch.testing.assert_close(layer(x), expected)


def slow_transposed(layer: TransposedConvolution, x: Tensor, first: int, length: int) -> Tensor:
    """Add each step's kernel at its place, and cut out `length` steps from `first` on."""
    weight, stride = layer.convolution.weight, layer.stride
    y = torch.zeros(len(x), (x.shape[1] + 1) * stride, weight.shape[1])
    for step in range(x.shape[1]):
        for tap in range(2 * stride):
            y[:, step * stride + tap] += x[:, step] @ weight[:, :, tap]
    assert layer.convolution.bias is not None
    return y[:, first : first + length] + layer.convolution.bias


@torch.inference_mode()
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("stride", [2, 5, 8])
def test_transposed_convolution_equals_its_twin(stride: int, packed: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 9, 3)
    for causal, first in ((True, 0), (False, stride - stride // 2)):
        layer = TransposedConvolution(3, 4, stride, causal)
        if packed:
            pack(layer, torch.float32)
        torch.testing.assert_close(layer(x), slow_transposed(layer, x, first, 9 * stride))


@torch.inference_mode()
@pytest.mark.parametrize("stride", [1, 2])
def test_a_norm_is_over_all_time_and_channels(stride: int) -> None:
    torch.manual_seed(0)
    layer = ReflectedConvolution(3, 6, 2 * stride, stride, causal=False, group_norm=True)
    plain = ReflectedConvolution(3, 6, 2 * stride, stride, causal=False)
    plain.convolution = layer.convolution
    x = torch.randn(2, 14, 3)
    assert layer.norm is not None
    torch.testing.assert_close(layer(x), layer.norm(plain(x).transpose(1, 2)).transpose(1, 2))


@torch.inference_mode()
def test_a_norm_comes_before_the_cut() -> None:
    torch.manual_seed(0)
    layer = TransposedConvolution(3, 4, 5, causal=False, group_norm=True)
    x = torch.randn(2, 9, 3)
    assert layer.norm is not None
    whole = slow_transposed(layer, x, 0, 50)
    torch.testing.assert_close(layer(x), layer.norm(whole.transpose(1, 2)).transpose(1, 2)[:, 3:48])

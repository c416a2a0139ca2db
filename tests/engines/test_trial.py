"""The trial finds layers whose results depend on how many rows they get at a time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from codectool.engines.torch_trial import joined_levels
from codectool.nn.convolution import CausalConvolution, Pointwise
from codectool.nn.layer import Chain, Layer
from codectool.nn.quantizer import ResidualVectorQuantizer

LEVELS = 2


class Exact(nn.Module):
    """The same for each row, to the last bit, whatever the others."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.7


class InTwoHalves(Exact):
    """The same but for rounding where there are many rows, as of a kernel that sums in another order."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.7 if x.shape[1] < 300 else (x * 0.35).double().add(x.double() * 0.35 + 1e-7).float()


class Unbounded(Pointwise):
    """A layer that says it remembers everything."""

    receptive_field = None


class ExactQuantizer(ResidualVectorQuantizer):
    """A quantizer whose products are summed one by one."""

    def scores(self, residual: Tensor, level: int) -> Tensor:
        return (residual[:, None] * self.codebooks[level]).cumsum(dim=2)[..., -1]


@dataclass
class Parts:
    """Two layers around a quantizer, as a family builds them."""

    encoder: Layer
    quantizer: ResidualVectorQuantizer
    decoder: Layer

    def frames_for(self, samples: int) -> int:
        return samples


def joins(encoder: Layer, quantizer: ResidualVectorQuantizer, decoder: Layer) -> bool:
    joined = joined_levels(Parts(encoder, quantizer, decoder), LEVELS, channels=1)
    assert joined in (frozenset(), {1, 2})
    return bool(joined)


def quantizer(kind: type[ResidualVectorQuantizer] = ExactQuantizer) -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    made = kind(LEVELS, 16, 8)
    made.set_codebooks(torch.randn(LEVELS, 16, 8))
    return made


def layer(*modules: nn.Module) -> Layer:
    return Chain([Pointwise(module) for module in modules])


def test_what_is_exact_passes() -> None:
    assert joins(layer(Exact(), Exact()), quantizer(), layer(Exact()))


def test_rounding_that_depends_on_the_rows_is_found_in_every_part() -> None:
    exact, other = layer(Exact()), layer(Exact(), InTwoHalves())
    assert not joins(other, quantizer(), exact)
    assert not joins(exact, quantizer(), other)

    class Other(ExactQuantizer):
        def scores(self, residual: Tensor, level: int) -> Tensor:
            return super().scores(residual, level) * (1 if len(residual) < 300 else 1 + 1e-6)

    assert not joins(exact, quantizer(Other), exact)


def test_rounding_that_depends_on_the_streams_side_by_side_is_found() -> None:
    class Other(Exact):
        def forward(self, x: Tensor) -> Tensor:
            return x * 0.7 if x.shape[0] == 1 else x * 0.7 + 1e-6

    exact = layer(Exact())
    assert not joins(layer(Other()), quantizer(), exact)
    assert joins(exact, quantizer(), layer(Other()))  # decoders get one stream at a time


def test_a_state_is_carried_between_pieces() -> None:
    delay = CausalConvolution(1, 1, 3).requires_grad_(False)
    delay.convolution.weight.copy_(torch.tensor([[[1.0, 0.0, 0.0]]]))
    assert delay.convolution.bias is not None
    delay.convolution.bias.zero_()  # sums with zeros are exact in any order
    assert joins(Chain([delay]), quantizer(), layer(Exact()))


@dataclass
class Staged:
    """A codec of two levels of which one needs less."""

    few: Parts
    all: Parts
    stages = (1, LEVELS)

    def at(self, levels: int) -> Parts:
        return self.few if levels == 1 else self.all


def test_every_stage_is_tried_by_itself() -> None:
    exact, other = (Parts(layer(kind()), quantizer(), layer(Exact())) for kind in (Exact, InTwoHalves))
    for few, every, joined in ((exact, other, {1}), (other, exact, {2}), (exact, exact, {1, 2})):
        assert joined_levels(Staged(few, every), LEVELS, channels=1) == joined  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0, 1])
def test_unbounded_reach_never_joins(place: int) -> None:
    layers = [layer(Exact()), layer(Exact())]
    layers[place] = Chain([Unbounded(Exact())])
    assert not joins(layers[0], quantizer(), layers[1])

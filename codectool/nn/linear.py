"""Linear maps whose weights are laid out once for the processor: the same function in half the time or less.

torch hands a float32 product on the CPU to MKL, which on some processors leaves their widest units idle, and
the weights are laid out anew for every product. oneDNN, which is part of torch, does neither when it is given
weights prepared beforehand; torch's own compiler reaches it by the same operators as this file.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PREPARED_FOR_ROWS = 75  # what a product usually has; others are as right


class Packable:
    """A module that can prepare what it computes with; its parameters and its function stay what they are."""

    def pack(self, dtype: torch.dtype) -> None:
        """Prepare for inference on the CPU; large products, where they bear it, may be of `dtype`."""
        raise NotImplementedError

    def packed_parameters(self) -> Iterable[Tensor]:
        """Return the parameters that are not read any more once the module is packed."""
        return ()


def pack(model: nn.Module, dtype: torch.dtype, release: bool = False) -> None:
    """Prepare all of a model that can be, in place, for inference on the CPU; do it after loading weights.

    With `release`, parameters that are not read any more let go of their memory: they hold no numbers then.
    """
    for module in model.modules():
        if isinstance(module, Packable):
            module.pack(dtype)
            for parameter in module.packed_parameters() if release else ():
                parameter.data = parameter.data.new_empty(0)


def fast_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 numbers in units made for it."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not in every version of torch
    queries = [getattr(torch.cpu, name) for name in names if hasattr(torch.cpu, name)]
    return has_operators(torch.bfloat16) and any(query() for query in queries)


class PackedLinear:
    """`x @ weight.T + bias`, then GELU if wanted, for inference on the CPU, in `dtype` with float32 sums.

    Takes `[..., inputs]` of any type and gives `[..., outputs]` in `dtype`; `weight` is `[outputs, inputs]`.
    Without oneDNN it is torch's own product.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype = torch.float32, gelu: bool = False
    ) -> None:
        self._dtype = dtype
        self._gelu = gelu
        self._weight = weight.detach().to(dtype).contiguous()
        self._bias = bias.detach().to(dtype)
        self._is_prepared = has_operators(dtype)
        if self._is_prepared:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, PREPARED_FOR_ROWS)

    def __call__(self, x: Tensor) -> Tensor:
        x = x.to(self._dtype)
        y: Tensor
        if self._is_prepared:
            activation = "gelu" if self._gelu else "none"
            y = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, activation, [], "none")
            return y
        y = F.linear(x, self._weight, self._bias)
        return F.gelu(y) if self._gelu else y


@lru_cache
def has_operators(dtype: torch.dtype = torch.float32) -> bool:
    """Return whether oneDNN's product is here and right for numbers of that type.

    It is private to torch and may change with any version, so a small product is tried.
    """
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (x86 and has_onednn):
        return False
    try:
        if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        weight = torch.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=dtype)
        x, bias = torch.tensor([[1.0, 0.5]], dtype=dtype), torch.tensor([0.25, -8.0], dtype=dtype)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, PREPARED_FOR_ROWS)
        y = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "none")
        return torch.equal(y, F.linear(x, weight, bias))  # both are exact for such numbers
    except Exception:  # gone, or other arguments: torch's own product is as right
        return False

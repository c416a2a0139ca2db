"""The contract of a model family: its shape, how it is built, and how others name its weights.

A family is one file, here or in another package, that ends in `FAMILY = Family(...)`. The registry has an
entry for each of its models. `build` returns a `Codec` (see `engines.torch_engine`): an encoder and a
decoder, which are layers that keep the streaming contract, around a quantizer. The entries of the quantizer
are in tensors called `codebooks`; the names of several of these sort in the order of the levels. A family
whose registry entries say `segment_samples` has `encode_segment` and `decode_segment` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from codectool.engines.torch_engine import Codec


@dataclass(frozen=True)
class Family:
    """What `models.loading` needs of a family.

    Attributes:
        config: the frozen dataclass of all that determines the shape; it is called with an entry's `config`.
        build: returns the codec of a config, with untrained weights; ValueError for a shape that cannot be.
        published: returns tensors under our names, from those of a checkpoint that others wrote, after weight
            norm is folded; ValueError for what cannot be such a checkpoint. None if only we write weights.
        bears_bfloat16: whether large products may be rounded to bfloat16 by default.
        has_bfloat16: whether there are products that can be; where there are none, asking for it is an error.
        bare: whether a codec holds no numbers but those of its checkpoint, and what a hook at their loading
            derives. Then it is built without any, and large weights take memory once.
    """

    config: Callable[..., Any]
    build: Callable[[Any], Codec]
    published: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None
    bears_bfloat16: bool = False
    has_bfloat16: bool = True
    bare: bool = False


def stacked_codebooks(codebooks: Mapping[int, Tensor]) -> Tensor:
    """Return codebooks `[levels, entries, dim]`, from those of a checkpoint by level, one at least.

    Raises ValueError when one is missing, or they are not all of one size.
    """
    if sorted(codebooks) != list(range(len(codebooks))):
        raise ValueError(f"a codebook is missing, for its last is that of level {max(codebooks)}")
    if len({codebook.shape for codebook in codebooks.values()}) > 1:
        raise ValueError("its codebooks are not all of one size")
    return torch.stack([codebooks[level] for level in range(len(codebooks))])

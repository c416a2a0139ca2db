"""The search of residual vector quantization as an ONNX graph, in the text that `onnx.parser` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codectool.nn.column_quantizer import parts_of
from codectool.nn.quantizer import ResidualVectorQuantizer

OPSET, IR_VERSION = 20, 10  # which ONNX Runtime reads since 1.18
CODEBOOKS, BIASES = "codebooks", "biases"  # the last part of their names

# A level codes what those before it left over; only as many as are asked for are computed.
RESIDUAL_CODES = """
  dim{k} = Shape<start = 2>({latents})
  rows_dim{k} = Concat<axis = 0>(last, dim{k})
  rows{k} = Reshape({latents}, rows_dim{k})
  rest{k}, codes_by_level{k} = Loop({levels}, , rows{k}) <body = one_level{k} (
      int64 level{k}, bool more{k}, float[n, dim] residual{k})
      => (bool still_more{k}, float[n, dim] left{k}, int64[n] code{k})
    {{
      still_more{k} = Identity(more{k})
      codebook{k} = Gather(codebooks{k}, level{k})
      bias{k} = Gather(biases{k}, level{k})
      scores{k} = Gemm<transB = 1>(residual{k}, codebook{k}, bias{k})
      code{k} = ArgMax<axis = -1, keepdims = 0>(scores{k})
      entry{k} = Gather(codebook{k}, code{k})
      left{k} = Sub(residual{k}, entry{k})
    }}>
  batch_frames{k} = Shape<end = 2>({latents})
  levels_batch_frames{k} = Concat<axis = 0>(last, batch_frames{k})
  separate{k} = Reshape(codes_by_level{k}, levels_batch_frames{k})
  {codes} = Transpose<perm = [1, 0, 2]>(separate{k})
"""


def searched_parts(quantizer: object) -> list[ResidualVectorQuantizer]:
    """Return what codes a latent's columns; ValueError for what has no graph."""
    parts: list[Any] = parts_of(quantizer)
    if not all(type(part) is ResidualVectorQuantizer for part in parts):
        raise ValueError("a quantizer that is not residual vector quantization has no graph yet")
    return parts


def search_graph(parts: Sequence[ResidualVectorQuantizer]) -> str:
    """Return the graph from `latents` and `levels` to `codes`."""
    tensors = "".join(
        f", float[all{k}, size{k}, dim{k}] {CODEBOOKS}{k}, float[all{k}, size{k}] {BIASES}{k}"
        for k in range(len(parts))
    )
    lines = ["last = Constant<value_ints = [-1]>()"]
    if len(parts) == 1:
        lines.append(RESIDUAL_CODES.format(k=0, latents="latents", levels="levels", codes="codes"))
    else:
        dims = ", ".join(str(part.codebooks.shape[2]) for part in parts)
        columns, codes = ([f"{name}{k}" for k in range(len(parts))] for name in ("columns", "codes"))
        lines += [f"dims = Constant<value_ints = [{dims}]>()"]
        lines += [f"{', '.join(columns)} = Split<axis = -1>(latents, dims)"]
        before = 0
        for k, part in enumerate(parts):
            count = f"levels{k} = Constant<value_int = {part.levels}>()"
            if part is parts[-1]:
                lines.append(f"before = Constant<value_int = {before}>()")
                count = f"levels{k} = Sub(levels, before)"
            before += part.levels
            lines += [
                count,
                RESIDUAL_CODES.format(k=k, latents=columns[k], levels=f"levels{k}", codes=codes[k]),
            ]
        lines.append(f"codes = Concat<axis = 1>({', '.join(codes)})")
    header = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>'
    inputs = f"float[batch, frames, dim] latents, int64 levels{tensors}"
    return (
        f"{header}\nsearch ({inputs}) => (int64[batch, levels, frames] codes) {{\n" + "\n".join(lines) + "\n}"
    )

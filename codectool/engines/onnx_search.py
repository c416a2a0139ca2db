"""The search of residual vector quantization as an ONNX graph, in the text that `onnx.parser` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codectool.nn.column_quantizer import parts_of
from codectool.nn.quantizer import ResidualVectorQuantizer

OPSET, IR_VERSION = 20, 10  # which ONNX Runtime reads since 1.18
CODEBOOKS, BIASES = "codebooks", "biases"  # the last part of their names

# A level codes what those before it left over; only as many as are asked for are computed.
LEVEL_BY_LEVEL = """
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

# The same of several candidates at a time. The highest few of thousands of numbers take long to find at once.
# So groups are chosen first, by their highest: the highest few are in as many groups at most.
AMONG_CANDIDATES = """
  zero{k} = Constant<value_int = 0>()
  one{k} = Constant<value_ints = [1]>()
  two{k} = Constant<value_ints = [2]>()
  candidates{k} = Constant<value_ints = [{candidates}]>()
  most{k} = Constant<value_ints = [{most}]>()
  few{k} = Constant<value_int = {few}>()
  are_few{k} = LessOrEqual({levels}, few{k})
  followed{k} = Where(are_few{k}, most{k}, candidates{k})
  dim{k} = Shape<start = 2>({latents})
  rows_dim{k} = Concat<axis = 0>(last, one{k}, dim{k})
  rows{k} = Reshape({latents}, rows_dim{k})
  row_one{k} = Shape<end = 2>(rows{k})
  gains{k} = ConstantOfShape(row_one{k})
  row_one_one{k} = Concat<axis = 0>(row_one{k}, one{k})
  nothing{k} = ConstantOfShape<value = int64[1] {{0}}>(row_one_one{k})
  rest{k}, gained{k}, found{k} = Loop({levels}, , rows{k}, gains{k}, nothing{k}) <body = one_level{k} (
      int64 level{k}, bool more{k},
      float[n, c, dim] residual{k}, float[n, c] gain{k}, int64[n, c, l] before{k})
      => (bool still_more{k}, float[n, d, dim] left{k}, float[n, d] next_gain{k}, int64[n, d, m] codes{k})
    {{
      still_more{k} = Identity(more{k})
      codebook{k} = Gather(codebooks{k}, level{k})
      bias{k} = Gather(biases{k}, level{k})
      all_dim{k} = Concat<axis = 0>(last, dim{k})
      all{k} = Reshape(residual{k}, all_dim{k})
      scores{k} = Gemm<transB = 1>(all{k}, codebook{k}, bias{k})
      row_candidate{k} = Shape<end = 2>(residual{k})
      row_candidate_size{k} = Concat<axis = 0>(row_candidate{k}, last)
      score{k} = Reshape(scores{k}, row_candidate_size{k})
      column{k} = Unsqueeze(gain{k}, two{k})
      total{k} = Add(score{k}, column{k})
      row_group_place{k} = Constant<value_ints = [0, -1, {group}]>()
      grouped{k} = Reshape(total{k}, row_group_place{k})
      highest{k} = ReduceMax<keepdims = 0>(grouped{k}, two{k})
      height{k}, groups{k} = TopK(highest{k}, followed{k})
      chosen{k} = Unsqueeze(groups{k}, two{k})
      kept{k} = GatherND<batch_dims = 1>(grouped{k}, chosen{k})
      row_place{k} = Constant<value_ints = [0, -1]>()
      in_a_row{k} = Reshape(kept{k}, row_place{k})
      found_gain{k}, place{k} = TopK(in_a_row{k}, followed{k})
      first_column{k} = Constant<value_ints = [0]>()
      nearest{k} = Gather<axis = 1>(found_gain{k}, first_column{k})
      next_gain{k} = Sub(found_gain{k}, nearest{k})
      group_size{k} = Constant<value_int = {group}>()
      groups_place{k} = Div(place{k}, group_size{k})
      group{k} = GatherElements<axis = 1>(groups{k}, groups_place{k})
      first{k} = Mul(group{k}, group_size{k})
      within{k} = Mod(place{k}, group_size{k})
      index{k} = Add(first{k}, within{k})
      size{k} = Constant<value_int = {size}>()
      parent{k} = Div(index{k}, size{k})
      parents{k} = Unsqueeze(parent{k}, two{k})
      code{k} = Mod(index{k}, size{k})
      entry{k} = Gather(codebook{k}, code{k})
      of_parent{k} = GatherND<batch_dims = 1>(residual{k}, parents{k})
      left{k} = Sub(of_parent{k}, entry{k})
      codes_of_parent{k} = GatherND<batch_dims = 1>(before{k}, parents{k})
      last_code{k} = Unsqueeze(code{k}, two{k})
      codes{k} = Concat<axis = 2>(codes_of_parent{k}, last_code{k})
    }}>
  best{k} = Gather<axis = 1>(found{k}, zero{k})
  past_nothing{k} = Shape<start = 1>(best{k})
  coded{k} = Slice(best{k}, one{k}, past_nothing{k}, one{k})
  batch_frames{k} = Shape<end = 2>({latents})
  batch_frames_levels{k} = Concat<axis = 0>(batch_frames{k}, last)
  separate{k} = Reshape(coded{k}, batch_frames_levels{k})
  {codes} = Transpose<perm = [0, 2, 1]>(separate{k})
"""
LARGEST_GROUP = 64


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
        lines.append(_search(parts[0], k=0, latents="latents", levels="levels", codes="codes"))
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
            lines += [count, _search(part, k=k, latents=columns[k], levels=f"levels{k}", codes=codes[k])]
        lines.append(f"codes = Concat<axis = 1>({', '.join(codes)})")
    header = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>'
    inputs = f"float[batch, frames, dim] latents, int64 levels{tensors}"
    return (
        f"{header}\nsearch ({inputs}) => (int64[batch, levels, frames] codes) {{\n" + "\n".join(lines) + "\n}"
    )


def _search(part: ResidualVectorQuantizer, **names: object) -> str:
    if part.candidates == 1:
        return LEVEL_BY_LEVEL.format_map(names)
    size, most = part.codebooks.shape[1], part.most_candidates
    # as many groups as candidates at least, for at first there is one row of scores
    largest = min(LARGEST_GROUP, size // most)
    numbers = {
        "candidates": part.candidates,
        "most": most,
        "few": part.few_levels,
        "size": size,
        "group": next(group for group in range(largest, 0, -1) if size % group == 0),
    }
    return AMONG_CANDIDATES.format_map(numbers | names)

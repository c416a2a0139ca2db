"""Layouts of codes `[levels, frames]`: the orders that language models want, each with its inverse.

Every function is plain: arrays in, arrays out. `vocabulary_of` says how many ids a layout has, and which of
them are special. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.errors import DataError, UsageError

Codes: TypeAlias = npt.NDArray[Any]
LAYOUTS = ("parallel", "frames", "flat", "flat-offset", "tree", "columns", "delay")


@dataclass(frozen=True)
class Vocabulary:
    """The ids in the arrays of a layout, 0 to below `size`; `special` names those that are no codes.

    `offsets` are what was added to the codes of each level. All are 0 but in `flat-offset` and `tree`.
    """

    size: int
    offsets: tuple[int, ...]
    special: Mapping[str, int] = field(default_factory=dict)


def vocabulary_of(layout: str, codebook_sizes: Sequence[int]) -> Vocabulary:
    """Return the vocabulary of a layout, for levels of these sizes; UsageError for an unknown layout."""
    _check_layout(layout)
    none = (0,) * len(codebook_sizes)
    largest = max(codebook_sizes)
    if layout == "flat-offset":
        return Vocabulary(sum(codebook_sizes), _offsets(codebook_sizes))
    if layout == "tree":
        order = _depth_first(len(codebook_sizes))
        in_order = _offsets([codebook_sizes[level] for level in order])
        offsets = tuple(offset for _, offset in sorted(zip(order, in_order, strict=True)))
        return Vocabulary(sum(codebook_sizes), offsets)
    if layout == "delay":
        return Vocabulary(largest + 1, none, {"delay": largest})
    return Vocabulary(largest, none)


def laid_out(codes: Codes, layout: str, codebook_sizes: Sequence[int]) -> Codes | dict[str, Codes]:
    """Return codes `[levels, frames]` in the layout of that name; UsageError for an unknown one."""
    _check_layout(layout)
    if layout == "frames":
        return frames_first(codes)
    if layout == "flat":
        return flat(codes)
    if layout == "flat-offset":
        return flat(codes, codebook_sizes)
    if layout == "tree":
        return tree(codes, codebook_sizes)
    if layout == "columns":
        return columns(codes)
    if layout == "delay":
        return delay(codes, vocabulary_of(layout, codebook_sizes).special["delay"])
    return codes


def codes_from(arranged: Codes | Mapping[str, Codes], layout: str, codebook_sizes: Sequence[int]) -> Codes:
    """Return the codes `[levels, frames]` of which `laid_out` made `arranged`.

    Raises UsageError for an unknown layout, and DataError for ids that the layout cannot hold.
    """
    _check_layout(layout)
    if isinstance(arranged, Mapping):
        return from_columns(arranged)
    if layout == "frames":
        return from_frames_first(arranged)
    if layout == "flat":
        return from_flat(arranged, len(codebook_sizes))
    if layout == "flat-offset":
        return from_flat(arranged, len(codebook_sizes), codebook_sizes)
    if layout == "tree":
        return from_tree(arranged, codebook_sizes)
    if layout == "delay":
        return from_delay(arranged, vocabulary_of(layout, codebook_sizes).special["delay"])
    return arranged


def frames_first(codes: Codes) -> Codes:
    """`[levels, frames]` to `[frames, levels]`, as Qwen3-TTS and MOSS-TTS have them."""
    return np.ascontiguousarray(codes.T)


def from_frames_first(arranged: Codes) -> Codes:
    """`[frames, levels]` to `[levels, frames]`."""
    return np.ascontiguousarray(arranged.T)


def flat(codes: Codes, codebook_sizes: Sequence[int] | None = None) -> Codes:
    """`[levels, frames]` to `[frames * levels]`, frame after frame, the coarsest level first.

    With `codebook_sizes` each level has ids of its own: the sizes of the levels before it are added. The
    result is int16 where all ids fit, else int32.
    """
    if codebook_sizes is None:
        return np.ascontiguousarray(codes.T).reshape(-1)
    offsets = np.array(_offsets(codebook_sizes)[: len(codes)], np.int32)
    dtype = code_dtype(sum(codebook_sizes))
    shifted: Codes = (codes.T.astype(np.int32) + offsets).astype(dtype)
    return shifted.reshape(-1)


def from_flat(arranged: Codes, levels: int, codebook_sizes: Sequence[int] | None = None) -> Codes:
    """`[frames * levels]` to `[levels, frames]`; DataError for part of a frame, or an id of another level."""
    if arranged.ndim != 1 or arranged.size % levels:
        raise DataError(f"{arranged.shape} ids are no whole frames of {levels} levels")
    codes = np.ascontiguousarray(arranged.reshape(-1, levels).T)
    if codebook_sizes is None:
        return codes
    sizes = np.array(codebook_sizes[:levels])[:, None]
    codes = codes.astype(np.int32) - np.array(_offsets(codebook_sizes)[:levels], np.int32)[:, None]
    if codes.size and not ((codes >= 0) & (codes < sizes)).all():
        raise DataError("an id is not one of the level that its place belongs to: are they shifted?")
    return codes.astype(code_dtype(int(sizes.max())))


def tree(codes: Codes, codebook_sizes: Sequence[int]) -> Codes:
    """`[levels, frames]` to `[frames * levels]`, each level with ids of its own, in the order of a tree.

    A code stands before those within its time. That is for codebooks each of which has two codes for every
    one of the codebook before, as SNAC's have. The levels a, b0, b1, c0, c1, c2, c3 become a, b0, c0, c1, b1,
    c2, c3, the order of Orpheus.
    """
    order = _depth_first(len(codes))
    return flat(codes[order], [codebook_sizes[level] for level in order])


def from_tree(arranged: Codes, codebook_sizes: Sequence[int]) -> Codes:
    """`[frames * levels]` back to `[levels, frames]`; DataError for what `tree` cannot have made."""
    order = _depth_first(len(codebook_sizes))
    ordered = from_flat(arranged, len(order), [codebook_sizes[level] for level in order])
    codes = np.empty_like(ordered)
    codes[order] = ordered
    return codes


def columns(codes: Codes) -> dict[str, Codes]:
    """`[levels, frames]` to one array `[frames]` a level, `level_0` the coarsest."""
    return {f"level_{level}": row for level, row in enumerate(codes)}


def from_columns(arranged: Mapping[str, Codes]) -> Codes:
    """`level_0` and so on to `[levels, frames]`; DataError when one is missing or of another length."""
    names = [f"level_{level}" for level in range(len(arranged))]
    if set(names) != set(arranged) or len({len(arranged[name]) for name in names}) != 1:
        raise DataError(f"columns {', '.join(sorted(arranged))} are not level_0 and on, of one length")
    return np.stack([arranged[name] for name in names])


def delay(codes: Codes, special: int, delays: Sequence[int] | None = None) -> Codes:
    """`[levels, frames]` to `[levels, frames + longest delay]`, with each level shifted to the right.

    Level k is shifted k steps, as in MusicGen; `delays` gives other steps, one a level. The id `special`
    fills the gaps.
    """
    steps = _delays(len(codes), delays)
    shifted = np.full((len(codes), codes.shape[1] + max(steps)), special, _wide(codes, special))
    for row, shifted_row, step in zip(codes, shifted, steps, strict=True):
        shifted_row[step : step + len(row)] = row
    return shifted


def from_delay(arranged: Codes, special: int, delays: Sequence[int] | None = None) -> Codes:
    """`[levels, frames + longest delay]` back to `[levels, frames]`.

    Raises DataError when it is shorter than the delay, or `special` stands where a code belongs.
    """
    steps = _delays(len(arranged), delays)
    frames = arranged.shape[1] - max(steps)
    if frames < 0:
        raise DataError(f"{arranged.shape[1]} steps are fewer than the delay of {max(steps)}")
    codes = np.stack([row[step : step + frames] for row, step in zip(arranged, steps, strict=True)])
    if (codes == special).any():
        raise DataError(f"the special id {special} stands where a code belongs")
    return codes.astype(code_dtype(special))


def code_dtype(size: int) -> type[np.int16] | type[np.int32]:
    """Return the type of stored ids: int16 if all are below 32 768, otherwise int32."""
    return np.int16 if size <= 1 << 15 else np.int32


def _depth_first(levels: int) -> list[int]:
    """Return levels, of which number n branches to 2n + 1 and 2n + 2, each before its branches."""
    order, waiting = [], [0]
    while waiting:
        level = waiting.pop()
        if level < levels:
            order.append(level)
            waiting += [2 * level + 2, 2 * level + 1]
    return order


def _offsets(codebook_sizes: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(offset) for offset in np.cumsum([0, *codebook_sizes[:-1]]))


def _delays(levels: int, delays: Sequence[int] | None) -> Sequence[int]:
    steps = range(levels) if delays is None else delays
    if len(steps) != levels or not levels or min(steps) < 0:
        raise UsageError(f"{levels} levels need as many delays, from 0 on")
    return steps


def _wide(codes: Codes, special: int) -> np.dtype[Any]:
    return np.promote_types(codes.dtype, code_dtype(special + 1))


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise UsageError(f"no layout is called {layout!r}: choose from {', '.join(LAYOUTS)}")

"""One stream through a step in blocks: one after another, or in runs side by side, with the same result.

Float sums may depend on the shape of a product and on the number of threads, so every block is computed on
one thread, and only blocks of a fixed grid are computed at all. Neighbours are computed together, which is
faster, where a trial (`nn.trial`) shows that it gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from codectool.nn.layer import Layer, State

SHORTEST_RUN = 4  # times what is computed twice at its start, which is then at most a fifth
JOINED_FRAMES = 600  # products gain little beyond

Step = Callable[[Tensor, State], tuple[Tensor, State]]


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Have torch use so many threads, and give the caller's number of threads back."""
    before = torch.get_num_threads()
    if before != count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if before != count:
            torch.set_num_threads(before)


@dataclass(frozen=True)
class Grid:
    """How a stream is cut for one layer, in input steps.

    Blocks have `block` steps, or the last of a stream fewer; up to `joined` of them are computed together.
    Where the layer's reach is bounded, up to `threads` runs go side by side: each is started early enough to
    be in the state that the blocks before it would have left, and what comes of that is dropped.
    """

    block: int
    joined: int
    reach: int | None  # blocks before its own that an output depends on, None for all
    threads: int
    start: State  # of a new stream

    @classmethod
    def of(cls, layer: Layer, block_frames: int, frame: int, joins: bool, threads: int) -> Grid:
        """Return the grid of blocks of so many frames, each of `frame` input steps, for a layer."""
        field, block = layer.receptive_field, block_frames * frame
        reach = None if field is None else -(-(field - layer.hop) // block)
        joined = max(1, JOINED_FRAMES // block_frames) if joins else 1
        return cls(block, joined, reach, threads, layer.initial_state(1))

    def run(self, step: Step, x: Tensor, state: State) -> tuple[list[Tensor], State]:
        """Return what a step makes of `x`, `[..., steps]`, along its last dimension, and the next state."""
        blocks = x.shape[-1] // self.block
        if self.reach is None:
            return self._run(step, x, state)
        runs = max(1, min(self.threads, blocks // (SHORTEST_RUN * max(1, self.reach))))
        bounds = [run * blocks // runs * self.block for run in range(runs)] + [x.shape[-1]]
        early = self.reach * self.block
        others = [
            _pool(self.threads).submit(self._run, step, x[..., first - early : end], self.start, early)
            for first, end in pairwise(bounds[1:])
        ]
        outputs, state = self._run(step, x[..., : bounds[1]], state)
        for other in others:
            more, state = other.result()
            outputs += more
        return outputs, state

    def _run(self, step: Step, x: Tensor, state: State, early: int = 0) -> tuple[list[Tensor], State]:
        together = self.block * self.joined
        firsts = [*range(0, early, together), *range(early, x.shape[-1], together)]
        outputs = []
        with on_threads(1), torch.inference_mode():
            for first, end in pairwise([*firsts, x.shape[-1]]):
                output, state = step(x[..., first:end], state)
                if first >= early:
                    outputs.append(output)
        return outputs, state


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="blocks")

"""One stream through a network in blocks: in turn, or several at once, with the same result.

Float sums may depend on the shape of a product and on the number of threads. So every block is computed on
one thread, and the blocks of a stream always begin at the same places. Neighbours are computed together,
which is faster, where the engine says that this gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from codectool.engines.network import State

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

SHORTEST_RUN = 4  # times what is computed twice at its start, which is then at most a fifth
JOINED_S = 8.0  # of audio computed together: products gain little beyond

Array: TypeAlias = npt.NDArray[np.generic]
Step: TypeAlias = Callable[[Any, State], tuple[Any, State]]


@dataclass(frozen=True)
class Grid:
    """How one network cuts a stream into blocks, counted in input steps.

    A block has `block` steps, the last of a stream fewer. A network of bounded reach is run over up to
    `threads` parts of the stream at once. Each part begins early enough to reach the state that the blocks
    before it would have left, and the output of those early steps is dropped.
    """

    block: int
    reach: int | None  # blocks before its own that an output depends on, None for all
    threads: int
    start: State  # of a new stream

    def run(self, step: Step, x: Array, state: State, joined: int) -> tuple[list[Array], State]:
        """Run `step` over `x`, `[..., steps]`, with up to `joined` blocks computed together.

        Returns the outputs of all blocks, and the next state.
        """
        blocks = x.shape[-1] // self.block
        together = self.block * joined
        if self.reach is None:
            return self._run(step, x, state, together)
        runs = max(1, min(self.threads, blocks // (SHORTEST_RUN * max(1, self.reach))))
        bounds = [run * blocks // runs * self.block for run in range(runs)] + [x.shape[-1]]
        early = self.reach * self.block
        others = [
            _pool(self.threads).submit(
                self._run, step, x[..., first - early : end], self.start, together, early
            )
            for first, end in pairwise(bounds[1:])
        ]
        outputs, state = self._run(step, x[..., : bounds[1]], state, together)
        for other in others:
            more, state = other.result()
            outputs += more
        return outputs, state

    def _run(
        self, step: Step, x: Array, state: State, together: int, early: int = 0
    ) -> tuple[list[Array], State]:
        firsts = [*range(0, early, together), *range(early, x.shape[-1], together)]
        outputs = []
        for first, end in pairwise([*firsts, x.shape[-1]]):
            output, state = step(x[..., first:end], state)
            if first >= early:
                outputs.append(output)
        return outputs, state


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # which short recordings do without

    return ThreadPoolExecutor(threads - 1, thread_name_prefix="blocks")

"""How many compiled kernels PyTorch keeps; no torch.

oneDNN compiles a kernel for every shape that a product has, and torch keeps 1024 of them, of up to half a MiB
each: recordings of many lengths fill that. A pass through a codec needs some 10 to 50 different ones.
"""

from __future__ import annotations

import os

VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")  # oneDNN's own cache, and torch's of it
KERNELS = 64


def bound_kernel_caches() -> None:
    """Have torch keep few kernels, unless the environment says how many; call it before any is compiled.

    It goes for all that runs in the process, so only processes of our own should do it.
    """
    for name in VARIABLES:
        os.environ.setdefault(name, str(KERNELS))

"""What turns gradients into steps."""

from __future__ import annotations

import torch
from torch import nn

from codectool.nn.linear import fast_bfloat16

WEIGHT_DECAY = 1e-3


def optimizers_of(model: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices and AdamW for all else; AdamW alone where Muon's bfloat16 is slow.

    Source: Jordan et al., Muon (2024), with the step lengths of Liu et al., arXiv 2502.16982, equation 4.
    """
    parameters = list(model.parameters())
    is_fast = parameters[0].is_cuda or fast_bfloat16()
    matrices = [parameter for parameter in parameters if parameter.ndim == 2 and is_fast]
    others = [parameter for parameter in parameters if parameter.ndim != 2 or not is_fast]
    adamw = torch.optim.AdamW(
        others, lr=learning_rate, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY, fused=True
    )
    if not matrices:
        return [adamw]
    muon = torch.optim.Muon(
        matrices, lr=learning_rate, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"
    )
    return [muon, adamw]

"""What turns gradients into steps."""

from __future__ import annotations

import torch
from torch import nn

WEIGHT_DECAY = 1e-3


def optimizers_of(model: nn.Module, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices and AdamW for all else.

    Source: Jordan et al., Muon (2024), with the step lengths of Liu et al., arXiv 2502.16982, equation 4.
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim != 2]
    muon = torch.optim.Muon(
        matrices, lr=learning_rate, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(
        others, lr=learning_rate, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY, fused=True
    )
    return [muon, adamw]

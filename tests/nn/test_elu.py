"""ELU against torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from codectool.nn.elu import elu


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_elu_is_torchs(dtype: torch.dtype) -> None:
    x = torch.cat(
        (torch.linspace(-120, 120, 20_001), torch.logspace(-30, 2, 999), -torch.logspace(-4, 1, 999))
    )
    x = x.to(dtype)
    tolerance = 0 if dtype == torch.float32 else 1e-7
    for y in (elu(x), elu(x.clone(), in_place=True)):
        torch.testing.assert_close(y, F.elu(x), atol=tolerance, rtol=tolerance)

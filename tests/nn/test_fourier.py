"""What is traced for other engines is the same transform."""

from __future__ import annotations

import pytest
import torch

from codectool.nn.fourier import inverse_real_fourier, real_fourier


@pytest.mark.parametrize("samples", [2, 4, 10, 640, 642, 1280, 2564])
def test_products_with_matrices_are_the_transform(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = torch.randn(3, 5, samples, generator=torch.Generator().manual_seed(0))
    parts = real_fourier(signal)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    for part, traced in zip(parts, real_fourier(signal), strict=True):
        torch.testing.assert_close(traced, part, atol=3e-6, rtol=0)
    torch.testing.assert_close(inverse_real_fourier(*parts), signal, atol=3e-6, rtol=0)


def test_the_imaginary_parts_of_the_ends_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, imaginary = torch.randn(2, 1, 9, generator=torch.Generator().manual_seed(0))
    signal = inverse_real_fourier(real, imaginary)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(inverse_real_fourier(real, imaginary), signal, atol=3e-6, rtol=0)

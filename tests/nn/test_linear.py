"""Packed products compute what torch's own do, with oneDNN's operators and without."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from codectool.models.spectral import Config, build
from codectool.nn import linear
from codectool.nn.linear import PackedLinear, pack

from .contract import check_contract

SMALL = Config(latent_dim=8, encoder_width=16, decoder_width=12, encoder_blocks=2, decoder_blocks=3)


@pytest.fixture(params=["onednn", "torch"])
def operators(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where products are computed."""
    if request.param == "torch":
        monkeypatch.setattr(linear, "has_operators", lambda *_: False)
    elif not linear.has_operators(torch.bfloat16):
        pytest.skip("this processor or this torch has none")
    return str(request.param)


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize("rows", [0, 1, 2, 74, 75, 600])
@pytest.mark.parametrize("gelu", [False, True])
@torch.inference_mode()
def test_a_packed_product_is_the_product(rows: int, gelu: bool) -> None:
    torch.manual_seed(0)
    weight, bias, x = torch.randn(33, 20), torch.randn(33), torch.randn(2, rows, 20)
    expected = F.linear(x.double(), weight.double(), bias.double())
    expected = F.gelu(expected) if gelu else expected
    found = PackedLinear(weight, bias, gelu=gelu)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=2e-5, rtol=0)
    rounded = PackedLinear(weight, bias, torch.bfloat16, gelu=gelu)(x)
    assert rounded.dtype == torch.bfloat16
    # Factors of 8 bits: each of 20 terms is off by 2^-8 at most, and they are about 1 in size.
    torch.testing.assert_close(rounded.double(), expected, atol=0.1, rtol=2**-8)


@pytest.mark.usefixtures("operators")
@torch.inference_mode()
def test_a_packed_model_computes_the_same() -> None:
    torch.manual_seed(0)
    plain = build(SMALL).eval()
    plain.quantizer.set_codebooks(torch.randn_like(plain.quantizer.codebooks))
    packed = copy.deepcopy(plain)
    pack(packed, torch.float32)
    audio = torch.randn(1, 200 * 320, 1)
    latents = plain.encoder(audio)
    torch.testing.assert_close(packed.encoder(audio), latents, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(packed.decoder(latents), plain.decoder(latents), atol=1e-4, rtol=1e-4)
    rows = latents[0]
    torch.testing.assert_close(
        packed.quantizer.scores(rows, 3), plain.quantizer.scores(rows, 3), atol=1e-4, rtol=1e-4
    )
    scores = packed.quantizer.scores(rows, 3)
    assert torch.equal(packed.quantizer.nearest(rows, 3), scores.argmax(dim=1))


@pytest.mark.usefixtures("operators")
def test_packed_models_keep_the_contract() -> None:
    torch.manual_seed(0)
    codec = build(SMALL).eval()
    pack(codec, torch.float32)
    check_contract(codec.encoder, 1)
    check_contract(codec.decoder, SMALL.latent_dim)


def test_new_codebooks_are_used_at_once() -> None:
    torch.manual_seed(0)
    quantizer = build(SMALL).quantizer
    pack(quantizer, torch.float32)
    quantizer.set_codebooks(torch.randn_like(quantizer.codebooks))
    codes = torch.arange(5)
    assert torch.equal(quantizer.nearest(quantizer.codebooks[2, codes], 2), codes)

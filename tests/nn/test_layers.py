"""Each fast layer against its slow obvious twin."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from codectool.nn.convolution import CausalConvolution
from codectool.nn.quantizer import ResidualVectorQuantizer
from codectool.nn.transform import Analysis, Synthesis, sine_window


def slow_convolution(layer: CausalConvolution, x: torch.Tensor) -> torch.Tensor:
    weight, bias = layer.convolution.weight, layer.convolution.bias
    groups, kernel = layer.convolution.groups, weight.shape[2]
    outputs_a_group, inputs_a_group = weight.shape[0] // groups, weight.shape[1]
    y = torch.zeros(x.shape[0], x.shape[1], weight.shape[0]) + bias
    for time in range(x.shape[1]):
        for output in range(weight.shape[0]):
            first = output // outputs_a_group * inputs_a_group
            for tap in range(kernel):
                past = time - (kernel - 1) + tap
                if past >= 0:
                    y[:, time, output] += x[:, past, first : first + inputs_a_group] @ weight[output, :, tap]
    return y


@torch.inference_mode()
def test_convolution_equals_its_twin() -> None:
    torch.manual_seed(0)
    for layer in (
        CausalConvolution(4, 6, 3),
        CausalConvolution(4, 4, 5, groups=4),
        CausalConvolution(4, 8, 2, groups=2),
    ):
        x = torch.randn(2, 9, 4)
        torch.testing.assert_close(layer(x), slow_convolution(layer, x))


@torch.inference_mode()
def test_analysis_equals_a_sum_of_cosines() -> None:
    torch.manual_seed(0)
    hop = 6
    x = torch.randn(1, 4 * hop + 1, 1)
    padded = torch.cat((torch.zeros(hop), x[0, :, 0], torch.zeros(2 * hop - 1)))
    spectra = Analysis(hop)(x)
    assert spectra.shape == (1, 6, 2 * (hop + 1))
    for frame in range(6):
        samples = padded[frame * hop : (frame + 2) * hop] * sine_window(hop)
        for bin_ in range(hop + 1):
            angle = -2 * math.pi * bin_ * torch.arange(2 * hop) / (2 * hop)
            scale = 1 / math.sqrt(2 * hop)
            torch.testing.assert_close(spectra[0, frame, bin_], (samples * angle.cos()).sum() * scale)
            torch.testing.assert_close(
                spectra[0, frame, hop + 1 + bin_], (samples * angle.sin()).sum() * scale, atol=1e-5, rtol=1e-4
            )


@torch.inference_mode()
def test_synthesis_gives_the_signal_back_one_hop_late() -> None:
    torch.manual_seed(0)
    for samples in (1, 319, 320, 321, 5000):
        x = torch.randn(2, samples, 1)
        y = Synthesis(320)(Analysis(320)(x))
        assert y.shape[1] == (-(-samples // 320) + 1) * 320
        torch.testing.assert_close(y[:, 320 : 320 + samples], x, atol=1e-5, rtol=1e-5)


def quantizer(levels: int = 5, size: int = 16, dim: int = 3, candidates: int = 1) -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    result = ResidualVectorQuantizer(levels, size, dim, candidates)
    scale = 0.6 ** torch.arange(levels)
    result.set_codebooks(torch.randn(levels, size, dim) * scale[:, None, None])
    return result


def test_codes_are_the_nearest_entries() -> None:
    rvq = quantizer()
    latents = torch.randn(2, 7, 3)
    codes = rvq.encode(latents)
    assert codes.shape == (2, 5, 7)
    for batch in range(2):
        for frame in range(7):
            residual = latents[batch, frame].clone()
            for level in range(5):
                distances = [(residual - entry).square().sum().item() for entry in rvq.codebooks[level]]
                assert codes[batch, level, frame] == distances.index(min(distances))
                residual -= rvq.codebooks[level][codes[batch, level, frame]]


def test_any_leading_levels_stand_alone() -> None:
    rvq = quantizer()
    latents = torch.randn(1, 50, 3)
    codes = rvq.encode(latents)
    errors = []
    for levels in range(1, 6):
        assert torch.equal(rvq.encode(latents, levels), codes[:, :levels])
        errors.append((rvq.decode(codes[:, :levels]) - latents).square().mean().item())
    assert errors == sorted(errors, reverse=True)


def test_candidates_are_followed_from_level_to_level() -> None:
    rvq = quantizer(levels=8, candidates=3)
    latents = torch.randn(2, 7, 3)
    for levels, candidates in ((1, 6), (2, 6), (3, 3), (8, 3)):
        codes = rvq.encode(latents, levels)
        assert codes.shape == (2, levels, 7)
        for batch, frame in itertools.product(range(2), range(7)):
            kept: list[list[int]] = [[]]
            for _ in range(levels):
                longer = [[*codes_, code] for codes_ in kept for code in range(16)]
                longer.sort(key=lambda chosen: squared_error(rvq, chosen, latents[batch, frame]))
                kept = longer[:candidates]
            assert codes[batch, :, frame].tolist() == kept[0]


def squared_error(rvq: ResidualVectorQuantizer, codes: list[int], latent: torch.Tensor) -> float:
    coded = sum(rvq.codebooks[level][code] for level, code in enumerate(codes))
    return (latent - coded).square().sum().item()


def test_as_many_candidates_as_entries_find_the_nearest_of_all_pairs() -> None:
    rvq = quantizer(levels=2, size=4, candidates=4)
    latents = torch.randn(1, 60, 3)
    codes = rvq.encode(latents)[0].T.tolist()
    for latent, found in zip(latents[0], codes, strict=True):
        pairs = [list(pair) for pair in itertools.product(range(4), repeat=2)]
        assert found == min(pairs, key=lambda pair: squared_error(rvq, pair, latent))
    level_by_level = quantizer(levels=2, size=4).encode(latents)[0].T.tolist()
    assert codes != level_by_level


@pytest.mark.parametrize("candidates", [0, 17])
def test_there_are_no_more_candidates_than_entries(candidates: int) -> None:
    with pytest.raises(ValueError, match="candidates of 16 entries"):
        quantizer(candidates=candidates)


def test_decoding_sums_entries() -> None:
    rvq = quantizer()
    codes = torch.randint(0, 16, (2, 4, 6))
    expected = sum(rvq.codebooks[level][codes[:, level]] for level in range(4))
    torch.testing.assert_close(rvq.decode(codes), expected)


@pytest.mark.parametrize("candidates", [1, 3])
def test_no_frames_are_no_codes(candidates: int) -> None:
    rvq = quantizer(candidates=candidates)
    assert rvq.encode(torch.zeros(1, 0, 3)).shape == (1, 5, 0)
    assert rvq.decode(torch.zeros(1, 5, 0, dtype=torch.int64)).shape == (1, 0, 3)


def test_loading_derives_the_norms() -> None:
    source, target = quantizer(), ResidualVectorQuantizer(5, 16, 3)
    target.load_state_dict(source.state_dict())
    latents = torch.randn(1, 20, 3)
    assert torch.equal(target.encode(latents), source.encode(latents))

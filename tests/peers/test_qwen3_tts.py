"""Qwen3-TTS's tokenizer against its own package, with the same random weights, in a small shape.

The package wants transformers 4.57. With a newer one, what that has renamed is put in its place below; the
networks are as they are published.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from codectool.models.qwen3_tts import Config, Qwen3TtsCodec, build, own_qwen3_tts
from codectool.nn.causal_seanet import Shape
from codectool.nn.linear import pack

from .random_weights import draw_codebooks, fill, noise, share_of_equal

transformers = pytest.importorskip("transformers")
ENCODER = Shape(filters=4, ratios=(3, 2), dim=32, layers=2, expanded=48, window=9)
SMALL = Config(
    levels=4,
    codebook_size=32,
    codebook_dim=16,
    encoder=ENCODER,
    latent_dim=24,
    width=16,
    layers=2,
    heads=2,
    head_dim=8,
    expanded=20,
    window=7,
    convnext_strides=(2, 2),
    decoder_width=32,
    decoder_strides=(3,),
)
MORE_LEVELS = 2  # that the encoder has, of which no use is made


@functools.cache
def published_module() -> Any:
    """Return the module with the published networks, without what else its package imports."""
    spec = importlib.util.find_spec("qwen_tts")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("qwen-tts is not installed")
    root = Path(spec.submodule_search_locations[0])
    for name in ("qwen_tts", "qwen_tts.core", "qwen_tts.core.tokenizer_12hz"):
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    generic = transformers.utils.generic
    kept = generic.check_model_inputs
    generic.check_model_inputs = lambda *_: lambda function: function
    try:
        folder = "qwen_tts.core.tokenizer_12hz"
        module = importlib.import_module(f"{folder}.modeling_qwen3_tts_tokenizer_v2")
    finally:
        generic.check_model_inputs = kept
    module.ROPE_INIT_FUNCTIONS = {"default": plain_rotations}
    module.create_causal_mask = lambda **_: None  # not used, for all its layers have a window
    module.create_sliding_window_causal_mask = window_mask
    return module


def plain_rotations(config: Any, device: Any = None, **_: Any) -> tuple[Tensor, float]:
    """Return the rates that heads turn at, as transformers 4 had them."""
    exponents = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    return 1.0 / config.rope_theta**exponents, 1.0


def window_mask(config: Any, input_embeds: Tensor, **_: Any) -> Tensor:
    """Return what is added to the scores: nothing within the window, and else so much that it vanishes."""
    place = torch.arange(input_embeds.shape[1])
    distance = place[:, None] - place
    seen = (distance >= 0) & (distance < config.sliding_window)
    return torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))[None, None]


class Published(nn.Module):
    """The two published halves."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        module, encoder = published_module(), config.encoder
        configs = sys.modules["qwen_tts.core.tokenizer_12hz.configuration_qwen3_tts_tokenizer_v2"]
        self.encoder = transformers.MimiModel(
            transformers.MimiConfig(
                num_filters=encoder.filters,
                upsampling_ratios=list(encoder.ratios),
                hidden_size=encoder.dim,
                num_hidden_layers=encoder.layers,
                num_attention_heads=encoder.heads,
                num_key_value_heads=encoder.heads,
                head_dim=encoder.dim // encoder.heads,
                intermediate_size=encoder.expanded,
                sliding_window=encoder.window,
                num_quantizers=config.levels + MORE_LEVELS,
                codebook_size=config.codebook_size,
                codebook_dim=config.codebook_dim,
                vector_quantization_hidden_dimension=config.codebook_dim,
                frame_rate=config.sample_rate_hz / config.hop_samples,
                upsample_groups=encoder.dim,
            )
        )
        self.decoder = module.Qwen3TTSTokenizerV2Decoder(
            configs.Qwen3TTSTokenizerV2DecoderConfig(
                codebook_size=config.codebook_size,
                codebook_dim=encoder.dim,
                latent_dim=config.latent_dim,
                hidden_size=config.width,
                num_attention_heads=config.heads,
                num_key_value_heads=config.heads,
                head_dim=config.head_dim,
                intermediate_size=config.expanded,
                num_hidden_layers=config.layers,
                num_quantizers=config.levels,
                decoder_dim=config.decoder_width,
                upsample_rates=config.decoder_strides,
                upsampling_ratios=config.convnext_strides,
                sliding_window=config.window,
            )
        )

    def tensors(self, folder: Path) -> dict[str, Tensor]:
        """Return what the published file has: of the encoder nothing that only decodes."""
        from safetensors.torch import load_file

        self.encoder.save_pretrained(folder)
        encoder = load_file(folder / "model.safetensors")
        decoding = ("decoder.", "decoder_transformer.", "upsample.")
        kept = {f"encoder.{key}": value for key, value in encoder.items() if not key.startswith(decoding)}
        return kept | {f"decoder.{key}": value for key, value in self.decoder.state_dict().items()}


@pytest.fixture
def published() -> Published:
    return random_published()


def random_published(config: Config = SMALL) -> Published:
    """Return the published networks with random weights."""
    torch.manual_seed(0)
    model = Published(config).eval()
    fill(model, gain=0.6)
    for name, parameter in model.named_parameters():
        if name.endswith((".scale", ".gamma")):
            nn.init.normal_(parameter, mean=0.4, std=0.1)
        elif name.endswith((".alpha", ".beta")):
            nn.init.normal_(parameter, std=0.3)
    for name, module in model.named_modules():
        if hasattr(module, "cluster_usage"):
            (book,) = draw_codebooks(torch.randn(99, config.codebook_dim), [config.codebook_size])
            level = int(name.split("layers.")[1].split(".")[0])
            usage = torch.rand(config.codebook_size) + 0.5
            total = getattr(module, "embed_sum", getattr(module, "embedding_sum", None))
            module.cluster_usage.data.copy_(usage)
            total.data.copy_(0.7**level * book * usage[:, None])
    return model


def ours(published: Published, folder: Path) -> Qwen3TtsCodec:
    """Return our model with the same weights, ready to run."""
    codec = build(SMALL)
    codec.load_state_dict(own_qwen3_tts(published.tensors(folder)))
    codec.eval().requires_grad_(False)
    pack(codec, torch.float32)
    return codec


@torch.inference_mode()
def test_equals_the_published_code(published: Published, tmp_path: Path) -> None:
    codec = ours(published, tmp_path)
    for frames in (1, 2, 40):
        audio = noise(frames * SMALL.hop_samples)
        their_codes = published.encoder.encode(audio).audio_codes[:, : SMALL.levels]
        our_codes = codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)))
        assert share_of_equal(our_codes, their_codes) == 1
        their_audio = published.decoder(their_codes)
        our_audio = codec.decoder(codec.quantizer.decode(their_codes))
        torch.testing.assert_close(our_audio.transpose(1, 2), their_audio, atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_its_chunks_are_not_exact_and_ours_are(published: Published, tmp_path: Path) -> None:
    codec = ours(published, tmp_path)
    codes = torch.randint(0, SMALL.codebook_size, (1, SMALL.levels, 30))
    whole = published.decoder(codes)
    chunked = published.decoder.chunked_decode(codes, chunk_size=10, left_context_size=3)
    assert (chunked - whole).abs().max() > 1e-3
    state, blocks = codec.decoder.initial_state(1), []
    for chunk in codes.split(10, dim=2):
        block, state = codec.decoder.step(codec.quantizer.decode(chunk), state)
        blocks.append(block)
    torch.testing.assert_close(torch.cat(blocks, dim=1).transpose(1, 2), whole, atol=2e-5, rtol=1e-4)

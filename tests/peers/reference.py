"""EnCodec's published code with random weights that can tell implementations apart; test-only.

Needs `pip install --no-deps encodec` and einops. The published constructors leave codebooks of zeros and
latents that hardly vary, with which anything would pass. Here every layer is scaled to unit variance on
speech, the LSTMs are made to matter, and each codebook is drawn from what its level is given to code.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codectool.audio.resample import Resampler
from codectool.audio.source import open_source
from codectool.models.checkpoints import fold_weight_norm
from codectool.models.encodec import Config, EncodecCodec, build, from_published
from codectool.models.registry import find
from codectool.nn.linear import pack

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDED = ("encodec", "einops")
LSTM_GAIN = 3.0  # as constructed, an LSTM adds next to nothing to its input
LAST_GAIN = 0.1  # of the decoder's last convolution: about the level of recordings
SPEEDS = (
    0.75,
    0.85,
    1.15,
    1.3,
)  # at which the speech is played to draw codebooks: other frames than tests have


def is_installed() -> bool:
    """Return whether the published code can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDED)


def reference_package() -> Any:
    """Return the package `encodec`; without torchaudio a stub takes its place, and reading files fails."""
    is_stub = "torchaudio" not in sys.modules and importlib.util.find_spec("torchaudio") is None
    if is_stub:
        sys.modules["torchaudio"] = ModuleType("torchaudio")
    import encodec
    import encodec.compress

    if is_stub:  # other packages ask whether it is there
        del sys.modules["torchaudio"]
    return encodec


def recording(name: str, rate_hz: int, channels: int, speed: float = 1.0) -> Tensor:
    """Return one of the examples, played at `speed`, as audio `[1, channels, samples]` of that rate."""
    with open_source(EXAMPLES / name) as source:
        resampler = Resampler(round(source.rate_hz * speed), rate_hz, source.channels)
        blocks = [resampler.push(block) for block in source.blocks()]
        audio = torch.from_numpy(np.concatenate((*blocks, resampler.finish()), axis=1))
    return (audio if len(audio) == channels else audio.mean(dim=0).expand(channels, -1))[None]


def random_reference(name: str, speeds: tuple[float, ...] = SPEEDS, scaling_s: float = 3.0) -> Any:
    """Return the published model of that name, with random weights as this module's head says.

    Layers are scaled on so many seconds of speech; codebooks are drawn from it at those speeds.
    """
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses torch's older form of weight norm
        model = _constructed(name).eval()
    model.name = name
    rate_hz, channels = model.sample_rate, model.channels
    with torch.inference_mode():
        for module in model.modules():
            if isinstance(module, nn.LSTM):
                for parameter in module.parameters():
                    parameter.mul_(LSTM_GAIN)
        speech = recording("speech.wav", rate_hz, channels)[:, :, : round(scaling_s * rate_hz)]
        with _scaling(model.encoder):
            latents = model.encoder(_levelled(model, speech))
        with _scaling(model.decoder):
            model.decoder(latents)
        others = [_levelled(model, recording("speech.wav", rate_hz, channels, speed)) for speed in speeds]
        _draw_codebooks(model, torch.cat([model.encoder(audio) for audio in others], dim=2)[0].T)
        last = model.decoder.model[-1].conv
        scaled = last.norm if isinstance(last.norm, nn.GroupNorm) else last.conv
        for parameter in (getattr(scaled, "weight_g", scaled.weight), scaled.bias):
            parameter.mul_(LAST_GAIN)
    return model


def ours(reference: Any, dtype: torch.dtype = torch.float32) -> EncodecCodec:
    """Return our model with the weights of a published one, ready to run."""
    codec = build(Config(**find(reference.name).config))
    codec.load_state_dict(from_published(fold_weight_norm(reference.state_dict(), Path("the reference"))))
    codec.eval().requires_grad_(False)
    pack(codec, dtype)
    return codec


@contextmanager
def patched_compress(model: Any, language_model: nn.Module | None = None) -> Iterator[Any]:
    """Give `encodec.compress`, which then takes and gives files of this model without its real weights."""
    reference_package()
    compress = importlib.import_module("encodec.compress")  # its name in the package is that of a function
    before = compress.MODELS
    compress.MODELS = {model.name: lambda: model}
    model.get_lm_model = lambda: language_model
    try:
        yield compress
    finally:
        compress.MODELS = before
        del model.get_lm_model


def _constructed(name: str) -> Any:
    package = reference_package()
    model_class = package.EncodecModel
    if name == "encodec_24khz":
        return model_class.encodec_model_24khz(pretrained=False)
    if name == "encodec_48khz":
        return model_class.encodec_model_48khz(pretrained=False)
    config = Config(**find(name).config)  # its code is not in the package, but its parts are
    parts, quantization = package.modules, package.quantization
    options = {
        "n_filters": config.filters,
        "ratios": list(config.ratios),
        "true_skip": config.identity_skip,
        "causal": config.causal,
    }
    quantizer = quantization.ResidualVectorQuantizer(config.latent_dim, config.levels, config.codebook_size)
    encoder, decoder = parts.SEANetEncoder(**options), parts.SEANetDecoder(**options)
    return model_class(encoder, decoder, quantizer, [2.2], config.sample_rate_hz, config.channels)


def _levelled(model: Any, audio: Tensor) -> Tensor:
    """Return audio as the model's encoder gets it."""
    return audio / audio.mean(dim=1).square().mean().sqrt() if model.normalize else audio


@contextmanager
def _scaling(network: nn.Module) -> Iterator[None]:
    """Within this, every convolution that runs is scaled for good to give unit variance."""

    def scale(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        deviation = output.std()
        for parameter in (getattr(module, "weight_g", module.weight), module.bias):
            parameter.div_(deviation)
        return output / deviation

    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]
    hooks = [module.register_forward_hook(scale) for module in convolutions]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _draw_codebooks(model: Any, residual: Tensor) -> None:
    """Fill each level's codebook from the residuals `[frames, dim]` that it is to code.

    An entry is the mean of a residual and of noise as large: with residuals alone the levels would soon code
    nothing but rounding errors, where trained ones take away 1 dB or less.
    """
    for layer in model.quantizer.vq.layers:
        codebook = layer._codebook
        drawn = residual[torch.randint(len(residual), (codebook.codebook_size,))]
        codebook.embed.copy_((drawn + residual.std(dim=0) * torch.randn_like(drawn)) / 2)
        codebook.inited.fill_(1)
        residual = residual - codebook.decode(codebook.quantize(residual))

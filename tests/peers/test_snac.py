"""SNAC against its own package with its noise off, with the same random weights, in small shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from codectool.models.checkpoints import read_checkpoint
from codectool.models.snac import Config, SnacCodec, build, own_snac
from codectool.nn.linear import pack

from .random_weights import fill, noise, share_of_equal

PLAIN = Config(codebook_size=64, encoder_width=8, decoder_width=48, strides=(2, 3))
ATTENDING = Config(
    rows_per_codebook=(1, 2, 4, 8),
    codebook_size=64,
    encoder_width=16,
    decoder_width=64,
    strides=(2, 4),
    window=16,
)
SAMPLES = (1, 23, 24, 25, 2000, 3999)


def random_snac(config: Config) -> Any:
    """Return the published code's model with random weights, which adds no noise to what it decodes."""
    snac = pytest.importorskip("snac")
    torch.manual_seed(0)
    model = snac.SNAC(
        sampling_rate=config.sample_rate_hz,
        encoder_dim=config.encoder_width,
        encoder_rates=list(config.strides),
        decoder_dim=config.decoder_width,
        decoder_rates=list(reversed(config.strides)),
        attn_window_size=config.window,
        codebook_size=config.codebook_size,
        codebook_dim=config.codebook_dim,
        vq_strides=[config.steps // rows for rows in config.rows_per_codebook],
        noise=True,
        depthwise=True,
    ).eval()
    fill(model, gain=0.6)
    for name, parameter in model.named_parameters():
        if name.endswith("original0"):
            parameter.data.fill_(0.6)
        elif name.endswith("alpha"):
            nn.init.uniform_(parameter, 0.3, 2.0)
        elif name.endswith("codebook.weight"):
            nn.init.normal_(parameter)
    for module in model.modules():
        if type(module).__name__ == "NoiseBlock":
            module.forward = lambda x: x
    return model


def ours(theirs: Any, config: Config, folder: Path) -> SnacCodec:
    """Return our model with the weights of a published one, through a file as it is published."""
    torch.save(theirs.state_dict(), folder / "pytorch_model.bin")
    codec = build(config)
    codec.load_state_dict(own_snac(read_checkpoint(folder / "pytorch_model.bin")[0]))
    codec.eval().requires_grad_(False)
    pack(codec, torch.float32)
    return codec


@torch.inference_mode()
@pytest.mark.parametrize("config", [PLAIN, ATTENDING])
def test_equals_the_published_code(config: Config, tmp_path: Path) -> None:
    theirs = random_snac(config)
    codec = ours(theirs, config, tmp_path)
    for samples in SAMPLES:
        audio = noise(samples)
        their_codes = theirs.encode(audio)
        our_codes = codec.quantizer.encode(codec.encoder(audio.transpose(1, 2)))
        assert our_codes.shape[1:] == (config.levels, codec.frames_for(samples))
        rows = [
            codes.view(1, -1, rows).transpose(1, 2)
            for codes, rows in zip(their_codes, config.rows_per_codebook, strict=True)
        ]
        in_rows = torch.cat(rows, dim=1)  # some frames more, where they fill up a window
        assert share_of_equal(our_codes, in_rows[:, :, : our_codes.shape[2]]) == 1
        their_audio = theirs.decode(their_codes)
        our_audio = codec.decoder(codec.quantizer.decode(in_rows)).transpose(1, 2)
        torch.testing.assert_close(our_audio, their_audio, atol=2e-5, rtol=1e-4)

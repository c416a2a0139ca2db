"""Give a trained model an envelope path: `python -m weights.recipe.envelope IN.safetensors OUT.safetensors`.

The network stays as it is, and so do the codebooks of its first levels; those after them are replaced by
codebooks of how loud bands are, by k-means on training audio. How far a coded number is to be trusted is
measured for each band and each number of levels, against what the network paints of the first levels. Last,
bands are made louder by what decoded sound lacks on the mean: painted frames that overlap cancel in part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codectool.models.spectral import SpectralCodec, build
from codectool.nn.envelope import CorrectedBands
from weights.recipe.augment import draw_batch
from weights.recipe.data import Corpus
from weights.recipe.export import STATE_FILE, export, load_codec, load_exported, save_tensors, told_of
from weights.recipe.options import weights_parser
from weights.recipe.quantizer import fit_levels
from weights.recipe.validation import decode, encode

PAINTED_LEVELS, BANDS = 8, 32
SEGMENTS, BATCH = 1200, 16  # of one second
TRIED_SEGMENTS = 160  # of which trust is measured
QUIETEST = -9.0  # natural log of a band's magnitude, from which on it counts
MOST_LOUDER = 0.46  # natural log, 4 dB
# Of the trust that leaves the least error in bands: errors change from frame to frame, which is heard more.
# Mel losses were least with a quarter to half of it with one level, and most or all with eight and more.
TRUSTED = 0.9


def grown(codec: SpectralCodec, painted_levels: int, bands: int) -> SpectralCodec:
    """Return a model that does with its first levels what this one does, and whose others code bands."""
    levels = codec.config.levels - painted_levels
    larger = build(replace(codec.config, envelope_levels=levels, envelope_bands=bands))
    state = {name: value for name, value in codec.state_dict().items() if "envelope" not in name}
    state["quantizer.codebooks"] = state["quantizer.codebooks"][:painted_levels]
    larger.load_state_dict(larger.state_dict() | state)
    return larger


def batches(corpus: Corpus, rng: np.random.Generator, count: int) -> Iterator[Tensor]:
    """Yield training audio `[batch, channels, samples]`, so many segments in all."""
    for _ in range(count // BATCH):
        yield torch.from_numpy(draw_batch(corpus, rng, BATCH, corpus.sample_rate_hz))


def numbers_of(codec: SpectralCodec, audio: Tensor) -> Tensor:
    """Return the path's numbers of audio, `[batch, frames, dim]`, without the frames at both ends."""
    spectra = codec.encoder.parts[0](audio.transpose(1, 2))
    return codec.spectral_envelope.numbers(spectra)[:, 1:-1]


def painted_powers(codec: SpectralCodec, audio: Tensor) -> list[Tensor]:
    """Return the powers of bins that the network paints, of each channel, without the frames at both ends."""
    x = codec.quantizer.decode(codec.quantizer.encode(codec.encoder(audio.transpose(1, 2))))
    synthesis = 3 if codec.config.channels == 2 else 2
    for part in list(codec.decoder)[:-synthesis]:
        x = part(x)
    log_magnitudes = x[:, 1:-1].chunk(2 * codec.config.channels, dim=-1)[::2]
    return [(2 * each).exp() for each in log_magnitudes]


def measure_louder(codec: SpectralCodec, numbers: Tensor, painted: Tensor) -> None:
    """Set by how much painted bands are louder than what they stand for, on the mean."""
    heard = (numbers[:, :-1] > QUIETEST).float()
    _corrected(codec).louder += ((painted - numbers[:, :-1]) * heard).sum(0) / heard.sum(0).clamp(min=1)


def measure_trust(codec: SpectralCodec, numbers: Tensor, painted: Tensor) -> None:
    """Set by how much of the difference that is told bands differ, for each number of levels."""
    quantizer, heard = codec.spectral_envelope.quantizer, (numbers[:, :-1] > QUIETEST).float()
    wanted = numbers[:, :-1] - painted
    for levels in range(1, quantizer.levels + 1):
        told = quantizer.decode(quantizer.encode(numbers[None], levels))[0, :, :-1] - painted
        slope = (told * wanted * heard).sum(0) / (told.square() * heard).sum(0).clamp(min=1e-9)
        _corrected(codec).trust[levels] = slope.clamp(0, 1) * TRUSTED * levels / (levels + 0.8)


def make_louder(codec: SpectralCodec, corpus: Corpus) -> None:
    """Add to each band what decoded sound lacks on the mean, with all levels."""
    lacking, counts = torch.zeros_like(_corrected(codec).louder), torch.zeros_like(_corrected(codec).louder)
    for audio in batches(corpus, np.random.default_rng(6), TRIED_SEGMENTS):
        decoded = decode(codec, encode(codec, audio), audio.shape[2])
        wanted, found = numbers_of(codec, audio)[..., :-1], numbers_of(codec, decoded)[..., :-1]
        heard = (wanted > QUIETEST).float()
        lacking += ((wanted - found) * heard).sum((0, 1))
        counts += heard.sum((0, 1))
    _corrected(codec).louder += (lacking / counts.clamp(min=1)).clamp(-MOST_LOUDER, MOST_LOUDER)


def _corrected(codec: SpectralCodec) -> CorrectedBands:
    module = codec.spectral_envelope.corrected.module
    assert isinstance(module, CorrectedBands)
    return module


@torch.inference_mode()
def fitted(codec: SpectralCodec, corpus: Corpus, painted_levels: int, bands: int) -> SpectralCodec:
    """Return the model with an envelope path that fits training audio."""
    codec = grown(codec, painted_levels, bands)
    numbers = torch.cat(
        [numbers_of(codec, x).flatten(0, 1) for x in batches(corpus, np.random.default_rng(4), SEGMENTS)]
    )
    numbers[:, -1] = 0.0
    quantizer = codec.spectral_envelope.quantizer
    codebooks = torch.zeros_like(quantizer.codebooks)
    fit_levels(codebooks, numbers, 0)
    codebooks[:, :, -1] = 1 / quantizer.levels  # every entry tells that its level is there
    quantizer.set_codebooks(codebooks.half().float())
    tried = list(batches(corpus, np.random.default_rng(5), TRIED_SEGMENTS))
    numbers = torch.cat([numbers_of(codec, x) for x in tried]).flatten(0, 1)
    by_channel = zip(*(painted_powers(codec, x) for x in tried), strict=True)
    powers, corrected = [torch.cat(each).flatten(0, 1) for each in by_channel], _corrected(codec)
    measure_louder(codec, numbers, corrected.log_magnitudes(powers))
    measure_trust(codec, numbers, corrected.log_magnitudes(powers, corrected.louder))
    make_louder(codec, corpus)
    return codec


def keep_training_state(weights: Path, out: Path, levels: int) -> None:
    """Write what training needs of the levels that stay beside the new weights, if the old ones have it."""
    state, kept = (path.with_name(STATE_FILE.format(stem=path.stem)) for path in (weights, out))
    if state.is_file():
        tensors = {name: value[:levels] for name, value in load_exported(state).items()}
        save_tensors(tensors, kept, {"steps": told_of(weights)["steps"]})


def main() -> None:
    """Read, grow, fit, write."""
    parser = weights_parser(__doc__, "runs/train_48khz.npy")
    parser.add_argument("--painted-levels", type=int, default=PAINTED_LEVELS)
    parser.add_argument("--bands", type=int, default=BANDS, help="of each channel, at most")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    codec = load_codec(arguments.weights)
    codec = fitted(codec, Corpus(arguments.cache), arguments.painted_levels, arguments.bands)
    export(codec.state_dict(), codec.config, arguments.out, told_of(arguments.weights))
    keep_training_state(arguments.weights, arguments.out, arguments.painted_levels)


if __name__ == "__main__":
    main()

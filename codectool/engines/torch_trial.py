"""Whether products of many rows give each row the same bits as products of few, found by trying.

Which sums a kernel forms, and in which order, does not depend on the numbers. So where kernels for many rows
and for few differ, noise shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from codectool.engines.torch_engine import Codec, stages_of
from codectool.nn.column_quantizer import parts_of
from codectool.nn.layer import Chain, Layer, State
from codectool.nn.quantizer import ResidualVectorQuantizer

Step = Callable[[Tensor, State], tuple[Tensor, State]]

CUTS = (0, 2, 7, 20, 50, 125, 275, 600)  # in frames; between them there are pieces of the usual sizes
STREAMS = 3  # side by side, of a third of the frames each


@torch.inference_mode()
def joined_levels(codec: Codec, levels: int, channels: int) -> frozenset[int]:
    """Return the numbers of levels with which several blocks together give the same bits as one by one, here.

    That goes for blocks of one stream, and of several side by side in the encoder. There are none for models
    of unbounded reach, for those that look ahead, and for quantizers whose scores are not known. Takes some
    20 ms a stage.
    """
    joined: set[int] = set()
    fewest = 1
    for most, part in stages_of(codec):
        coded = range(fewest, (most or levels) + 1)
        if _joins(part, channels):
            joined.update(coded)
        fewest = coded.stop
    return frozenset(joined)


def may_join(codec: Codec) -> bool:
    """Return whether there are levels of which only a trial can tell: it needs both halves of the codec."""
    return any(_is_for_trial(part) for _, part in stages_of(codec))


def _is_for_trial(codec: Codec) -> bool:
    halves = codec.encoder, codec.decoder
    if any(half.receptive_field is None or half.look_ahead for half in halves):
        return False
    return bool(_residual_quantizers(codec))


def _joins(codec: Codec, channels: int) -> bool:
    encoder, decoder = codec.encoder, codec.decoder
    if not _is_for_trial(codec):
        return False
    searches = _residual_quantizers(codec)
    noise = torch.Generator().manual_seed(0)
    device, dims = searches[0].codebooks.device, [search.codebooks.shape[2] for search in searches]
    audio = torch.randn(1, int(CUTS[-1] / encoder.ratio), channels, generator=noise).to(device) * 0.1
    latents = torch.randn(1, CUTS[-1], sum(dims), generator=noise).to(device)
    encoder, decoder = _one_of_a_kind(encoder), _one_of_a_kind(decoder)
    return (
        _same_in_pieces(encoder.step, audio, encoder.initial_state(1))
        and _same_side_by_side(encoder, audio)
        and all(
            _same_in_pieces(partial(_scores, search), rows, ())
            for search, rows in zip(searches, torch.split(latents, dims, dim=-1), strict=True)
        )
        and _same_in_pieces(decoder.step, latents, decoder.initial_state(1))
    )


def _residual_quantizers(codec: Codec) -> list[ResidualVectorQuantizer]:
    """Return what searches a latent's columns, from the first to the last; none if that is not known."""
    parts = parts_of(codec.quantizer)
    known = [part for part in parts if isinstance(part, ResidualVectorQuantizer)]
    return known if len(known) == len(parts) else []


def _scores(quantizer: ResidualVectorQuantizer, x: Tensor, state: State) -> tuple[Tensor, State]:
    return quantizer.scores(x[0], level=0)[None], state


def _one_of_a_kind(layer: Layer) -> Layer:
    """Return a chain with one of each set of equal parts, which is less to compute."""
    return Chain(list({repr(part): part for part in layer}.values())) if isinstance(layer, Chain) else layer


def _same_in_pieces(step: Step, x: Tensor, state: State) -> bool:
    whole, _ = step(x, state)
    pieces = []
    for first, end in pairwise(cut * x.shape[1] // CUTS[-1] for cut in CUTS):
        piece, state = step(x[:, first:end], state)
        pieces.append(piece)
    return torch.equal(torch.cat(pieces, dim=1), whole)


def _same_side_by_side(layer: Layer, x: Tensor) -> bool:
    streams = x.view(STREAMS, -1, x.shape[2])
    together, _ = layer.step(streams, layer.initial_state(STREAMS))
    alone = [layer.step(stream[None], layer.initial_state(1))[0] for stream in streams]
    return torch.equal(torch.cat(alone), together)

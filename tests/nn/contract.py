"""The streaming contract, checked on any layer: see `codectool.nn.layer.Layer`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from codectool.nn.layer import Layer, State

TOLERANCE = 2e-5  # float sums depend on the shape of a product
LARGE = 16  # from such a hop on, signals have to be longer to have many


def awkward_lengths(layer: Layer) -> list[int]:
    """Return input lengths that have broken streams before: around a hop, primes, and nothing at all."""
    hop, first = layer.hop, layer.first_push
    lengths = {0, 1, hop - 1, hop, hop + 1, 2 * hop, 7 * hop + 3, 11 * hop, 997 if hop >= LARGE else 97}
    if layer.look_ahead:
        lengths |= {layer.look_ahead, layer.look_ahead + 1, layer.look_ahead + hop}
    return sorted(lengths | ({first - 1, first, first + hop - 1} if first else set()))


def pieces(x: Tensor, layer: Layer, seed: int | None) -> Iterator[Tensor]:
    """Cut off whole hops, one by one (seed None) or at random, empty pieces included; last comes the rest.

    The first piece that is not empty is as long as the layer needs, or all is the rest.
    """
    generator = torch.Generator().manual_seed(seed or 0)
    hop, start = layer.hop, 0
    end = x.shape[1] // hop * hop if x.shape[1] >= layer.first_push else 0
    while start < end:
        hops = 1 if seed is None else int(torch.randint(0, 5, (), generator=generator))
        length = max(hops * hop, layer.first_push) if start == 0 and hops else hops * hop
        yield x[:, start : min(end, start + length)]
        start += length
    yield x[:, min(start, end) :]


def stream(layer: Layer, x: Tensor, seed: int | None) -> Tensor:
    """Run `x` through the layer in steps, then finish."""
    state, outputs = layer.initial_state(x.shape[0]), []
    *whole, rest = pieces(x, layer, seed)
    pushed = given = 0
    for piece in whole:
        y, state = layer.step(piece, state)
        outputs.append(y)
        pushed, given = pushed + piece.shape[1], given + y.shape[1]
        assert given >= int((pushed - layer.look_ahead) * layer.ratio), "outputs are held back for too long"
    return torch.cat((*outputs, layer.finish(rest, state)), dim=1)


def flat(state: State) -> list[Tensor]:
    """Return the tensors of a state in order."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in flat(part)]


@torch.inference_mode()
def check_contract(layer: Layer, channels: int) -> None:
    """Check everything the contract promises; `channels` is the width of the layer's input."""
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    for length in awkward_lengths(layer):
        _check_steps_equal_forward(layer, torch.randn(2, length, channels))
    x = torch.randn(3, _long(layer), channels)
    _check_state_is_a_value(layer, x)
    _check_streams_do_not_touch(layer, x)
    _check_batch_equals_one_by_one(layer, x)
    _check_causality(layer, x)
    _check_receptive_field(layer, x)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} changed while streaming"


def _long(layer: Layer) -> int:
    reach = layer.receptive_field or 4 * layer.hop + layer.first_push
    steps = math.ceil(reach / layer.hop) + math.ceil(layer.look_ahead / layer.hop) + 20
    return steps * max(layer.hop, layer.ratio.denominator)


def _check_steps_equal_forward(layer: Layer, x: Tensor) -> None:
    whole = layer(x)
    for seed in (None, 1, 2):
        streamed = stream(layer, x, seed)
        assert streamed.shape == whole.shape
        torch.testing.assert_close(streamed, whole, atol=TOLERANCE, rtol=TOLERANCE)


def _check_state_is_a_value(layer: Layer, x: Tensor) -> None:
    begun = max(3 * layer.hop, layer.first_push)
    _, state = layer.step(x[:, :begun], layer.initial_state(len(x)))
    kept = [tensor.clone() for tensor in flat(state)]
    piece = x[:, begun : begun + 2 * layer.hop]
    first, second = layer.step(piece, state)[0], layer.step(piece, state)[0]
    assert torch.equal(first, second)
    for tensor, copy in zip(flat(state), kept, strict=True):
        assert torch.equal(tensor, copy), "a step changed the state it was given"
    nothing, same = layer.step(x[:, :0], state)
    assert nothing.shape[1] == 0
    for tensor, copy in zip(flat(same), kept, strict=True):
        assert torch.equal(tensor, copy), "an empty push changed the state"


def _check_streams_do_not_touch(layer: Layer, x: Tensor) -> None:
    ours, theirs = x[:1], x[1:2]
    alone = stream(layer, ours, None)
    our_state, their_state = layer.initial_state(1), layer.initial_state(1)
    outputs = []
    *whole, rest = zip(pieces(ours, layer, None), pieces(theirs, layer, None), strict=True)
    for our_piece, their_piece in whole:
        y, our_state = layer.step(our_piece, our_state)
        _, their_state = layer.step(their_piece, their_state)
        outputs.append(y)
    outputs.append(layer.finish(rest[0], our_state))
    assert torch.equal(torch.cat(outputs, dim=1), alone)


def _check_batch_equals_one_by_one(layer: Layer, x: Tensor) -> None:
    one_by_one = torch.cat([layer(row[None]) for row in x])
    torch.testing.assert_close(layer(x), one_by_one, atol=TOLERANCE, rtol=TOLERANCE)


def _check_causality(layer: Layer, x: Tensor) -> None:
    cut = x.shape[1] // layer.hop // 2 * layer.hop
    changed = x.clone()
    changed[:, cut:] += 1
    settled = int((cut - layer.look_ahead) * layer.ratio)
    assert settled > 0
    torch.testing.assert_close(layer(changed)[:, :settled], layer(x)[:, :settled], atol=0, rtol=0)


def _check_receptive_field(layer: Layer, x: Tensor) -> None:
    if layer.receptive_field is None:
        return
    changed = x.clone()
    changed[:, : layer.hop] += 1
    # the last input step changed is hop - 1; outputs a whole reach later no longer see it, and a look-ahead
    # is part of the reach
    forgotten = math.ceil((layer.hop - 1 + layer.receptive_field - layer.look_ahead) * layer.ratio)
    before, after = layer(x), layer(changed)
    assert forgotten < after.shape[1]
    assert not torch.equal(before, after)
    torch.testing.assert_close(after[:, forgotten:], before[:, forgotten:], atol=0, rtol=0)

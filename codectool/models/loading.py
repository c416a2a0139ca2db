"""Find a model's weights, check them, and build the model around them."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from codectool.engines.blocks import on_threads
from codectool.engines.trial import blocks_join
from codectool.errors import UsageError, WeightsError
from codectool.models.checkpoints import check_finite, differences, read_checkpoint, read_safetensors
from codectool.models.registry import MODELS, ModelEntry, find
from codectool.models.search import find_weights, is_pickled
from codectool.nn.linear import fast_bfloat16, pack

if TYPE_CHECKING:
    from codectool.models.encodec import EncodecCodec
    from codectool.models.spectral import SpectralCodec


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run; `fingerprint` identifies its codebooks.

    `joins_blocks` says that blocks computed together give the same bits here as one by one.
    """

    entry: ModelEntry
    codec: SpectralCodec | EncodecCodec
    fingerprint: bytes
    weights_path: Path
    joins_blocks: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights, whole and checked, as tensors in the one spelling of `models.checkpoints`."""

    entry: ModelEntry
    tensors: dict[str, Tensor]


def fingerprint_of(codebooks: Tensor) -> bytes:
    """Return the first 8 bytes of sha256 over the codebooks as float32 little-endian."""
    return hashlib.sha256(codebooks.contiguous().float().cpu().numpy().astype("<f4").tobytes()).digest()[:8]


@on_threads(1)  # others would wait for work longer than they had any
def load(name: str, weights: Path | None = None, device: str = "cpu", precision: str = "auto") -> LoadedModel:
    """Build the model of that name with its weights, ready to run and fixed.

    EnCodec's may be spelled in any way `models.checkpoints` reads. `precision`, of large products on the CPU,
    is float32, bfloat16 or auto: what the family bears and the processor has units for. Raises UsageError for
    an unknown name, precision or device, and WeightsError when the weights are missing, damaged or another
    model's.
    """
    entry = find(name)
    path = find_weights(entry, weights)
    family = _family(entry)
    tensors, metadata = _read(entry, family, path)
    try:
        config = family.Config(**(dict(entry.config) | json.loads(metadata.get("config", "{}"))))
        # A shape only the file vouches for is not to take memory; looking at it so imports for a second.
        is_usual = config == family.Config(**entry.config)
        with torch.device("cpu" if is_usual else "meta"):
            codec: SpectralCodec | EncodecCodec = family.build(config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: its metadata do not describe a {entry.family} model ({error})"
        ) from error
    _check_is(entry, config, path)
    wrong = differences(codec.state_dict(), tensors)
    if wrong:
        raise WeightsError(
            f"{path}: not weights of {name}: {len(wrong)} tensors differ, the first is {wrong[0]}"
        )
    check_finite(tensors, path)
    if not is_usual:
        codec = family.build(config)
    codec.load_state_dict(tensors)
    del tensors  # as large as the model, of which packing makes further copies
    codec.eval().requires_grad_(False)
    try:
        codec.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises depends on how it was built
        raise UsageError(f"--device {device}: not usable here ({str(error).splitlines()[0]})") from error
    if codec.quantizer.codebooks.is_meta:
        raise UsageError(f"--device {device}: holds no numbers")
    if codec.quantizer.codebooks.device.type == "cpu":
        pack(codec, _product_type(precision, family))
    fingerprint = fingerprint_of(codec.quantizer.codebooks)
    joins_blocks = blocks_join(codec.encoder, codec.quantizer, codec.decoder)
    return LoadedModel(entry, codec, fingerprint, path, joins_blocks)


def _product_type(precision: str, family: ModuleType) -> torch.dtype:
    bears_bfloat16 = getattr(family, "BEARS_BFLOAT16", False)
    types = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    types["auto"] = torch.bfloat16 if bears_bfloat16 and fast_bfloat16() else torch.float32
    if precision not in types:
        raise UsageError(f"--precision {precision}: choose from {', '.join(sorted(types))}")
    return types[precision]


def identify(path: Path) -> Checkpoint:
    """Return what a published checkpoint holds, and whose weights those are.

    Raises WeightsError when it cannot be read, or holds no weights of a known model that is published so.
    """
    tensors, _ = read_checkpoint(path)
    misfits = {}
    for entry in MODELS.values():
        family = _family(entry)
        if not _is_published(family):
            continue
        expected = family.build(family.Config(**entry.config)).state_dict()
        wrong = differences(expected, family.state_from_official(tensors))
        if not wrong:
            check_finite(tensors, path)
            return Checkpoint(entry, tensors)
        misfits[entry.name] = wrong
    nearest = min(misfits, key=lambda name: len(misfits[name]))
    raise WeightsError(
        f"{path}: not weights of a known model; from those of {nearest} {len(misfits[nearest])} tensors "
        f"differ, the first is {misfits[nearest][0]}"
    )


def _family(entry: ModelEntry) -> ModuleType:
    return importlib.import_module(f"codectool.models.{entry.family}")


def _is_published(family: ModuleType) -> bool:
    """Whether a family's weights come as checkpoints that others wrote."""
    return hasattr(family, "state_from_official")


def _read(entry: ModelEntry, family: ModuleType, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if _is_published(family):
        official, metadata = read_checkpoint(path)
        return family.state_from_official(official), metadata
    if is_pickled(path):
        raise WeightsError(
            f"{path}: not a safetensors file, as weights of {entry.name} are: if it is a checkpoint of "
            "another model, name that with --model"
        )
    tensors, metadata = read_safetensors(path)
    return {key: value.float() for key, value in tensors.items()}, metadata


def _check_is(entry: ModelEntry, config: object, path: Path) -> None:
    for name in ("sample_rate_hz", "hop_samples", "levels", "codebook_size"):
        found, expected = getattr(config, name), getattr(entry, name)
        if found != expected:
            raise WeightsError(f"{path}: not weights of {entry.name}: {name} is {found}, not {expected}")

"""A model on PyTorch: its family builds it, and its weights are checked and filled in."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codectool.engines.torch_engine import StagedCodec, TorchDecoder, TorchEncoder, TorchSegments, on_threads
from codectool.engines.torch_trial import joined_levels, may_join
from codectool.errors import UsageError, WeightsError
from codectool.models.checkpoints import (
    as_float32,
    check_weights,
    differences,
    read_checkpoint,
    read_safetensors,
)
from codectool.models.family import Family
from codectool.models.fingerprint import codebook_names, fingerprint_of
from codectool.models.loaded import LoadedModel
from codectool.models.registry import ModelEntry
from codectool.models.search import is_pickled
from codectool.nn.linear import fast_bfloat16, pack


@on_threads(1)  # the work is short, and threads would take longer to start
def load_torch(
    entry: ModelEntry, path: Path, device: str, precision: str, half: str | None = None
) -> LoadedModel:
    """Build a model with the weights in a file; the errors are those of `models.loading.load`."""
    family = family_of(entry)
    codec = build_with_weights(entry, family, path)
    fingerprint = fingerprint_of_state(codec.state_dict())
    segmental = entry.segment_samples is not None
    joins = not segmental and may_join(codec)
    if half is not None and not (segmental or joins or isinstance(codec, StagedCodec)):  # a trial runs both
        _let_go(codec.decoder if half == "encoder" else codec.encoder)
    where = _move(codec, device)
    product_type = torch.float32
    if where.type == "cpu":
        product_type = _product_type(entry, precision, family)
        pack(codec, product_type, release=True)
    elif precision == "bfloat16":
        raise UsageError(f"precision bfloat16 is for the CPU, not for {device}")
    return LoadedModel(
        entry=entry,
        encoder=TorchEncoder(codec, where, entry.channels, entry.hop_samples),
        decoder=TorchDecoder(codec, where, entry.channels, entry.hop_samples),
        identify=lambda: fingerprint,
        weights_path=path,
        joined_levels=joined_levels(codec, entry.levels, entry.channels) if joins else frozenset(),
        segments=TorchSegments(codec, where) if segmental else None,
        precision=str(product_type).removeprefix("torch."),
    )


def family_of(entry: ModelEntry) -> Family:
    """Return the family of an entry: a file beside this one, or a module elsewhere by its full name."""
    name = entry.family if "." in entry.family else f"codectool.models.{entry.family}"
    family: Family = importlib.import_module(name).FAMILY
    return family


def build_with_weights(entry: ModelEntry, family: Family, path: Path) -> Any:
    """Return the codec, a torch module in evaluation mode; WeightsError unless the weights fit it."""
    shapes, metadata = _read(entry, family, path, numbers=False)
    if family.bare and "config" in metadata:
        raise WeightsError(f"{path}: not weights of {entry.name}: its metadata state a shape of their own")
    try:
        config = family.config(**(dict(entry.config) | json.loads(metadata.get("config", "{}"))))
        # A shape that only the file states is checked before it takes memory: first it is built without any.
        is_usual = config == family.config(**entry.config)
        with torch.device("cpu" if is_usual and not family.bare else "meta"):
            codec: Any = family.build(config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise WeightsError(f"{path}: its metadata describe no {entry.family} model ({error})") from error
    _check_is(entry, config, path)
    wrong = differences(codec.state_dict(), shapes)
    if wrong:
        raise WeightsError(
            f"{path}: not weights of {entry.name}: {len(wrong)} tensors differ, the first is {wrong[0]}"
        )
    tensors, _ = _read(entry, family, path)
    check_weights(tensors, path)
    if not is_usual:
        codec = family.build(config)
    codec.load_state_dict(tensors, assign=family.bare)
    return codec.eval().requires_grad_(False)


def fingerprint_of_state(tensors: dict[str, Tensor]) -> bytes:
    """Return the fingerprint of tensors under our names."""
    return fingerprint_of(tensors[name].float().cpu().numpy() for name in codebook_names(tensors))


def _read(
    entry: ModelEntry, family: Family, path: Path, numbers: bool = True
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors under our names, float32, or only their shapes, and the metadata of the file."""
    if family.published is None:
        if is_pickled(path):
            raise WeightsError(
                f"{path}: not a safetensors file, as weights of {entry.name} are: if it is a checkpoint of "
                "another model, name that model"
            )
        tensors, metadata = read_safetensors(path, numbers)
        return as_float32(tensors), metadata
    tensors, metadata = read_checkpoint(path, numbers)
    return own_tensors(family, tensors, path), metadata


def own_tensors(family: Family, tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return tensors under our names, whoever named them; WeightsError if they cannot be a checkpoint."""
    if codebook_names(tensors) or family.published is None:
        return tensors
    try:
        return family.published(tensors)
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def _let_go(half: torch.nn.Module) -> None:
    """Free the memory of layers that will not be used; what they declared stays."""
    for name, _ in list(half.named_children()):
        delattr(half, name)


def _move(codec: Any, device: str) -> torch.device:
    try:
        where = torch.device(device)
        codec.to(where)
    except (RuntimeError, AssertionError) as error:  # what torch raises depends on how it was built
        usable = ["cpu"] + [name for name in ("cuda", "mps", "xpu") if _has(name)]
        raise UsageError(f"device {device!r}: not usable here; these are: {', '.join(usable)}") from error
    if where.type == "meta":
        raise UsageError(f"device {device!r}: holds no numbers")
    return where


def _has(device: str) -> bool:
    backend = getattr(torch, device, None)
    return backend is not None and bool(backend.is_available())


def _product_type(entry: ModelEntry, precision: str, family: Family) -> torch.dtype:
    if precision == "bfloat16" and not family.has_bfloat16:
        raise UsageError(f"precision bfloat16: {entry.name} computes in float32 only")
    if precision == "auto":
        precision = "bfloat16" if family.bears_bfloat16 and fast_bfloat16() else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def _check_is(entry: ModelEntry, config: object, path: Path) -> None:
    for name in ("sample_rate_hz", "channels", "hop_samples", "levels", "codebook_size"):
        found, expected = getattr(config, name, None), getattr(entry, name)
        if found is not None and found != expected:
            raise WeightsError(f"{path}: not weights of {entry.name}: {name} is {found}, not {expected}")

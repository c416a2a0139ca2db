"""Find a model's weights, check them, and build the model around them."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from codectool.errors import UsageError, WeightsError
from codectool.models.registry import ModelEntry, find
from codectool.models.search import find_weights
from codectool.models.spectral import SpectralCodec


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run; `fingerprint` identifies its codebooks."""

    entry: ModelEntry
    codec: SpectralCodec
    fingerprint: bytes
    weights_path: Path


def fingerprint_of(codebooks: Tensor) -> bytes:
    """Return the first 8 bytes of sha256 over the codebooks as float32 little-endian."""
    return hashlib.sha256(codebooks.contiguous().float().cpu().numpy().astype("<f4").tobytes()).digest()[:8]


def load(name: str, weights: Path | None = None, device: str = "cpu") -> LoadedModel:
    """Build the model of that name with its weights, ready to run and fixed.

    Raises UsageError for an unknown name, and WeightsError when the weights are missing, damaged or another
    model's.
    """
    entry = find(name)
    path = find_weights(entry, weights)
    tensors, metadata = _read(path)
    family = importlib.import_module(f"codectool.models.{entry.family}")
    try:
        config = family.Config(**(dict(entry.config) | json.loads(metadata.get("config", "{}"))))
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: its metadata do not describe a {entry.family} model ({error})"
        ) from error
    _check_is(entry, config, path)
    codec: SpectralCodec = family.build(config)
    expected = {key: tuple(value.shape) for key, value in codec.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if expected != found:
        wrong = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
        raise WeightsError(
            f"{path}: not weights of {name}: {len(wrong)} tensors differ, the first is {wrong[0]} "
            f"(expected {expected.get(wrong[0])}, found {found.get(wrong[0])})"
        )
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise WeightsError(f"{path}: holds values that are not finite numbers: get the file anew")
    codec.load_state_dict(tensors)
    codec.eval().requires_grad_(False)
    try:
        codec.to(device)
    except (RuntimeError, AssertionError) as error:  # what torch raises depends on how it was built
        raise UsageError(f"--device {device}: not usable here ({str(error).splitlines()[0]})") from error
    return LoadedModel(entry, codec, fingerprint_of(codec.quantizer.codebooks), path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error


def _check_is(entry: ModelEntry, config: object, path: Path) -> None:
    for name in ("sample_rate_hz", "hop_samples", "levels", "codebook_size"):
        found, expected = getattr(config, name), getattr(entry, name)
        if found != expected:
            raise WeightsError(f"{path}: not weights of {entry.name}: {name} is {found}, not {expected}")

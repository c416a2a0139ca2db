"""Read checkpoints as tensors, without running anything that a file asks for, and write them as safetensors.

Weight norm, as weight_g and weight_v or as a parametrization (both in torch.nn.utils), is folded into the
weights. What the tensors are called is left to the families.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from codectool.errors import WeightsError
from codectool.models.search import is_pickled

# Weight norm's magnitude and direction, by what their names end in (arXiv 1602.07868).
WEIGHT_NORMS = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
# What safetensors calls types; of others no weights are. Its file begins with the length of its header.
TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "C64": torch.complex64,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
HEADER_LENGTH_BYTES = 8
# Where some files have the tensors: audiocraft's of its 32 kHz model, and DAC's.
NESTED_UNDER = ("best_state", "state_dict")


def read_checkpoint(path: Path, numbers: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a checkpoint, float32 and with weight norm folded, and its metadata.

    What holds no floating numbers, such as a counter, is given as it is. Without `numbers` the tensors are
    shapes on the device "meta": whether they fit a model can be told before anything of their size is read.

    Takes safetensors, and files of torch.save as long as they hold nothing but tensors. Raises WeightsError
    for what cannot be read so, without running anything that a file asks for.
    """
    metadata: dict[str, str] = {}
    if is_pickled(path):
        tensors = _read_pickle(path, numbers)
    else:
        tensors, metadata = read_safetensors(path, numbers)
    return fold_weight_norm(as_float32(tensors), path), metadata


def read_safetensors(path: Path, numbers: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file as they are, or their shapes, and its metadata."""
    try:
        # For numpy it maps the file as it is; for torch, as if all of it were to be changed.
        with safe_open(path, framework="numpy") as file, path.open("rb") as content:
            header_bytes = int.from_bytes(content.read(HEADER_LENGTH_BYTES), "little")
            described = json.loads(content.read(header_bytes))  # in order, or opening had failed
            first = HEADER_LENGTH_BYTES + header_bytes
            tensors = {
                key: _tensor(content, first, described[key], numbers)
                for key in file.keys()  # noqa: SIM118 (not a dict)
            }
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError, MemoryError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error


def _tensor(content: BinaryIO, first: int, described: Mapping[str, Any], numbers: bool) -> Tensor:
    """Read a tensor into memory of its own; the whole file, mapped, would stay as long as any of it."""
    dtype, shape = TYPES.get(described["dtype"]), described["shape"]
    if dtype is None:
        raise OSError(f"it has numbers of the type {described['dtype']}")
    if not numbers:
        return torch.empty(shape, dtype=dtype, device="meta")
    start, end = described["data_offsets"]
    if start == end:
        return torch.empty(shape, dtype=dtype)
    memory = bytearray(end - start)
    content.seek(first + start)
    if content.readinto(memory) < len(memory):  # type: ignore[attr-defined]
        raise OSError("it ends before its time")
    return torch.frombuffer(memory, dtype=dtype).view(shape)


def _read_pickle(path: Path, numbers: bool) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu" if numbers else "meta", weights_only=True)
    except Exception as error:  # damaged and hostile files raise all sorts
        # Not torch's own words: its advice is to run whatever code the file holds.
        raise WeightsError(
            f"{path}: is damaged, or holds more than tensors, which is never loaded: get the published file"
        ) from error
    for key in NESTED_UNDER:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no tensors by name, as a checkpoint does")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or not _is_plain(value, numbers):
            raise WeightsError(f"{path}: {key!r} is not the name of a plain tensor of numbers")
    return dict(content)


def _is_plain(value: Tensor, numbers: bool) -> bool:
    """Whether a tensor holds all the numbers it claims: a view may repeat a few to any size."""
    return (
        value.layout == torch.strided
        and (value.device.type == "cpu" or not numbers)
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def as_float32(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as float32; what holds no floating numbers is given as it is."""
    return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}


def fold_weight_norm(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return tensors with each magnitude and direction replaced by their weight, in torch's arithmetic.

    WeightsError, which names `path`, for those that do not fit together.
    """
    folded = dict(tensors)
    for magnitude_end, direction_end in WEIGHT_NORMS:
        for key in tensors:
            stem = key.removesuffix(direction_end)
            if stem == key or stem + magnitude_end not in tensors:
                continue
            magnitude, direction = folded.pop(stem + magnitude_end), folded.pop(key)
            _check_floating({stem + magnitude_end: magnitude, key: direction}, path)
            if magnitude.shape != (*direction.shape[:1], 1, 1) or f"{stem}.weight" in folded:
                raise WeightsError(f"{path}: {stem}{magnitude_end} and {direction_end} do not fit together")
            folded[f"{stem}.weight"] = torch._weight_norm(direction, magnitude, 0)
    return folded


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return a phrase for each tensor that is missing, left over or of another shape."""
    shapes = [{key: tuple(value.shape) for key, value in side.items()} for side in (expected, found)]
    return [
        f"{key} (expected {shapes[0].get(key)}, found {shapes[1].get(key)})"
        for key in sorted(shapes[0].keys() | shapes[1].keys())
        if shapes[0].get(key) != shapes[1].get(key)
    ]


def check_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise WeightsError unless all values are floating numbers, and finite."""
    _check_floating(tensors, path)
    bounds = [torch.stack(torch.aminmax(value)) for value in tensors.values()]  # not a number if any is not
    if not torch.isfinite(torch.cat(bounds)).all():
        raise WeightsError(f"{path}: holds values that are not finite numbers: get the file anew")


def _check_floating(tensors: Mapping[str, Tensor], path: Path) -> None:
    for key, value in tensors.items():
        if not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise WeightsError(f"{path}: {key} holds {kind}, which are not weights")


def write_checkpoint(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors as safetensors."""
    file.write(save({key: value.contiguous() for key, value in tensors.items()}, dict(metadata)))

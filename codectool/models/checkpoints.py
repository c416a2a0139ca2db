"""Read EnCodec checkpoints in any published spelling as one, and write that one as safetensors.

The one spelling has the names of the official files (encoder.model.0.conv.conv.weight), weight norm folded
into the weights, and of each codebook only its entries (quantizer.vq.layers.0._codebook.embed). The others
have weight norm as weight_g and weight_v or as a parametrization (both in torch.nn.utils), or the names that
Hugging Face's transformers use (convert_encodec_checkpoint_to_pytorch.py there), or both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from codectool.errors import WeightsError
from codectool.models.search import CODEBOOKS, codebook_names, is_pickled

# Weight norm's magnitude and direction, by what their names end in (arXiv 1602.07868).
WEIGHT_NORMS = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)
TRAINING_ONLY = (".inited", ".cluster_size", ".embed_avg")  # of a codebook; coding never reads them
NESTED_UNDER = "best_state"  # where audiocraft's own files of the 32 kHz model have the tensors
HUGGING_FACE_CODEBOOK = re.compile(r"quantizer\.layers\.(\d+)\.codebook\.(\w+)")
HUGGING_FACE_LAYER = re.compile(
    r"(encoder|decoder)\.layers\.(\d+)\.((?:block\.\d+\.|shortcut\.)?)(conv|norm|lstm)\.(.+)"
)
DECODER_CONVOLUTION = re.compile(r"decoder\.layers\.(\d+)\.conv\.")


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a checkpoint in the one spelling, float32, and its metadata.

    Takes safetensors, and files of torch.save as long as they hold nothing but tensors. Raises WeightsError
    for what cannot be read so, without running anything that a file asks for.
    """
    tensors, metadata = (_read_pickle(path), {}) if is_pickled(path) else read_safetensors(path)
    return unify(tensors, path), metadata


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file as they are, and its metadata; WeightsError if it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error})") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged and hostile files raise all sorts
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"{path}: is damaged, or holds more than tensors ({reason[0]})") from error
    if isinstance(content, Mapping) and isinstance(content.get(NESTED_UNDER), Mapping):
        content = content[NESTED_UNDER]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no tensors by name, as a checkpoint does")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or not _is_plain(value):
            raise WeightsError(f"{path}: {key!r} is not the name of a plain tensor of numbers")
    return dict(content)


def _is_plain(value: Tensor) -> bool:
    """Whether a tensor holds all the numbers it claims: a view may repeat a few to any size."""
    return (
        value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def unify(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return tensors of any spelling in the one; names that are not EnCodec's stay as they are."""
    names = official_names(key for key in tensors if not key.endswith(TRAINING_ONLY))
    if len(set(names.values())) < len(names):
        raise WeightsError(f"{path}: holds some tensors twice, under two names")
    for key in names:
        if not tensors[key].is_floating_point():
            kind = str(tensors[key].dtype).removeprefix("torch.")
            raise WeightsError(f"{path}: {key} holds {kind}, which are not weights")
    unified = _folded({official: tensors[key].float() for key, official in names.items()}, path)
    codebooks = [name for name in codebook_names(unified) if name != CODEBOOKS]
    if codebooks and codebooks[-1] != f"quantizer.vq.layers.{len(codebooks) - 1}._codebook.embed":
        raise WeightsError(f"{path}: a codebook is missing, for its last is {codebooks[-1]}")
    if len({unified[name].shape for name in codebooks}) > 1:
        raise WeightsError(f"{path}: its codebooks are not all of one size")
    return unified


def official_names(keys: Iterable[str]) -> dict[str, str]:
    """Return for each name of a tensor the official one, from Hugging Face's or from the official itself.

    Hugging Face's leave out how a convolution is wrapped, and so which are transposed: in the decoder, those
    directly on its list of layers but for the first and the last.
    """
    keys = list(keys)
    outermost = [int(match[1]) for key in keys if (match := DECODER_CONVOLUTION.match(key))]
    plain = {min(outermost), max(outermost)} if outermost else set()

    def official(key: str) -> str:
        if codebook := HUGGING_FACE_CODEBOOK.fullmatch(key):
            return "quantizer.vq.layers.{}._codebook.{}".format(*codebook.groups())
        layer = HUGGING_FACE_LAYER.fullmatch(key)
        if layer is None:
            return key
        side, index, block, kind, rest = layer.groups()
        wrapper = "convtr" if side == "decoder" and not block and int(index) not in plain else "conv"
        inner = {"conv": f"{wrapper}.{wrapper}", "norm": f"{wrapper}.norm", "lstm": "lstm"}[kind]
        return f"{side}.model.{index}.{block}{inner}.{rest}"

    return {key: official(key) for key in keys}


def _folded(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Replace each magnitude and direction by their weight, in torch's own arithmetic for it."""
    folded = dict(tensors)
    for magnitude_end, direction_end in WEIGHT_NORMS:
        for key in tensors:
            stem = key.removesuffix(direction_end)
            if stem == key or stem + magnitude_end not in tensors:
                continue
            magnitude, direction = folded.pop(stem + magnitude_end), folded.pop(key)
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


def check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise WeightsError unless all values are finite numbers."""
    bounds = [torch.stack(torch.aminmax(value)) for value in tensors.values()]  # not a number if any is not
    if not torch.isfinite(torch.cat(bounds)).all():
        raise WeightsError(f"{path}: holds values that are not finite numbers: get the file anew")


def write_checkpoint(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors in the one spelling as safetensors."""
    file.write(save({key: value.contiguous() for key, value in tensors.items()}, dict(metadata)))

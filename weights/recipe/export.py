"""Write a trained model as the one float16 safetensors file that ships, and read it back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, float16

from codectool.models.spectral import Config, SpectralCodec, build

STATE_FILE = "{stem}_training_state.safetensors"  # beside the weights STEM.safetensors


def export(state: dict[str, Tensor], config: Config, path: Path, provenance: dict[str, str]) -> None:
    """Write `state` as float16, with the configuration and the provenance as metadata."""
    metadata = {"family": "spectral", "config": json.dumps(asdict(config)), **provenance}
    save_tensors(state, path, metadata)


def save_tensors(state: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors as float16, under a temporary name first."""
    tensors = {name: value.to(float16).cpu().contiguous() for name, value in state.items()}
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary, metadata=metadata)
    temporary.chmod(0o644)  # safetensors makes files that only their owner can read
    temporary.replace(path)


def load_exported(path: Path) -> dict[str, Tensor]:
    """Return the state of an exported file as float32."""
    return {name: value.float() for name, value in load_file(path).items()}


def told_of(path: Path) -> dict[str, str]:
    """Return what an exported file tells beside its shape: where it comes from."""
    with safe_open(path, framework="pt") as file:
        return {name: value for name, value in file.metadata().items() if name not in ("family", "config")}


def load_codec(path: Path) -> SpectralCodec:
    """Return the model of an exported file, of the shape that the file tells."""
    with safe_open(path, framework="pt") as file:
        config = Config(**json.loads(file.metadata()["config"]))
    codec = build(config)
    codec.load_state_dict(load_exported(path))
    return codec

"""Which model a checkpoint belongs to, as its tensors tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from codectool.errors import WeightsError
from codectool.models.checkpoints import check_weights, differences, read_checkpoint
from codectool.models.registry import ModelEntry, known_models
from codectool.models.torch_loading import family_of, fingerprint_of_state, own_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights, whole and checked, as float32 tensors under our names."""

    entry: ModelEntry
    tensors: dict[str, Tensor]

    @property
    def fingerprint(self) -> bytes:
        """What identifies its codebooks."""
        return fingerprint_of_state(self.tensors)


def identify(path: Path, entry: ModelEntry | None = None) -> Checkpoint:
    """Return the weights that a checkpoint holds, with the entry of their model.

    `entry` says whose they are; without it, their tensors have to tell. Raises WeightsError when the file
    cannot be read, holds no weights of a known model that others publish, or fits several models.
    """
    found, _ = read_checkpoint(path, numbers=False)
    fitting: list[ModelEntry] = []
    misfits: list[tuple[int, str]] = []  # how many tensors differ, and what is to be said of them
    for candidate in known_models() if entry is None else (entry,):
        if candidate.engine:
            continue  # not of tensors
        family = family_of(candidate)
        if family.published is None:
            continue
        try:
            tensors = own_tensors(family, found, path)
        except WeightsError as error:
            misfits.append((len(found) + 1, str(error).removeprefix(f"{path}: ")))
            continue
        with torch.device("meta"):  # shapes only
            expected = family.build(family.config(**candidate.config)).state_dict()  # type: ignore[attr-defined]
        wrong = differences(expected, tensors)
        if not wrong:
            fitting.append(candidate)
            continue
        said = f"from those of {candidate.name} {len(wrong)} tensors differ, the first is {wrong[0]}"
        misfits.append((len(wrong), said))
    if not fitting:
        raise WeightsError(f"{path}: not weights of a known model; {min(misfits)[1]}")
    if len(fitting) > 1:
        names = " and ".join(candidate.name for candidate in fitting)
        raise WeightsError(f"{path}: fits {names}, which have the same shapes: name the model it is of")
    tensors = own_tensors(family_of(fitting[0]), read_checkpoint(path)[0], path)
    check_weights(tensors, path)
    return Checkpoint(fitting[0], tensors)

"""A checkpoint of random weights, written by a codec's own package.

`python -m benchmarks.peers.field_checkpoints MODEL FILE` is how `field_files` gets one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from codectool.models import dac, mimi, qwen3_tts, snac
from codectool.models.registry import find
from tests.peers import test_dac, test_mimi, test_qwen3_tts, test_snac


def dac_file(name: str, path: Path) -> None:
    theirs = test_dac.descript_dac(dac.Config(**find(name).config))
    torch.save({"state_dict": theirs.state_dict(), "metadata": {"kwargs": {}}}, path)


def mimi_file(name: str, path: Path) -> None:
    torch.save(test_mimi.random_moshi(mimi.Config()).state_dict(), path)


def qwen3_tts_file(name: str, path: Path) -> None:
    save_file(test_qwen3_tts.random_published(qwen3_tts.Config()).tensors(path.parent), path)


def snac_file(name: str, path: Path) -> None:
    torch.save(test_snac.random_snac(snac.Config(**find(name).config)).state_dict(), path)


WRITERS = {"mimi": mimi_file, "dac": dac_file, "qwen3": qwen3_tts_file, "snac": snac_file}

if __name__ == "__main__":
    WRITERS[sys.argv[1].partition("_")[0]](sys.argv[1], Path(sys.argv[2]))

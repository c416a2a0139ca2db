"""Version 0 files against EnCodec's own code: `python -m tests.peers.encodec_files` prints the table.

For the same codes both must write the same bytes, and each must read what the other wrote. EnCodec's
compress_to_file and decompress_from_file run as they are; only its network is replaced, by one that gives
and takes codes. The language models have random weights, so large that many codes are hardly possible.
"""

from __future__ import annotations

import io
import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.machine import description
from codectool.container import AnyReader, Audio, HeaderV0, open_reader
from codectool.container.v0 import MODEL_NAMES
from codectool.models.encodec_lm import PAST_S, LanguageModel, load_language_model
from codectool.models.registry import find
from tests.container.samples_v0 import Segments, make_codes_v0, make_file_v0, make_scales
from tests.peers.reference import patched_compress, reference_package

SAMPLES = (1, 319, 320, 321, 6_720, 24_000, 47_520, 47_521, 47_999, 48_000, 48_001, 95_041, 168_013)
LEVELS = (1, 2, 3, 8, 16)
SAMPLES_WITH_LANGUAGE_MODEL = (1, 321, 48_001, 95_041)  # the last is longer than a model looks back
LEVELS_WITH_LANGUAGE_MODEL = (1, 8)
LOGIT_GAIN = 8.0

Found: TypeAlias = list[tuple[Any, float | None]]  # codes and scale of each segment


class CodesOnly:
    """Stands in for EnCodec's model: encoding gives codes made before, decoding keeps what it is given."""

    def __init__(self, header: HeaderV0, segments: Segments) -> None:
        entry = header.entry
        self.name = entry.name
        self.sample_rate = entry.sample_rate_hz
        self.frame_rate = round(entry.frame_rate_hz)
        self.channels = entry.channels
        self.bits_per_codebook = entry.code_bits
        self.normalize = header.scaled
        self.segment_length = entry.segment_samples
        self.segment_stride = entry.segment_stride_samples
        self._segments = [torch.from_numpy(codes.astype(np.int64)) for codes in segments]
        self._scales = [None if scale is None else torch.tensor([[scale]]) for scale in make_scales(header)]
        self.decoded: list[tuple[Tensor, Tensor | None]] = []

    def to(self, device: str) -> CodesOnly:
        return self

    def encode(self, audio: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        return list(zip(self._segments, self._scales, strict=True))

    def decode(self, frames: list[tuple[Tensor, Tensor | None]]) -> Tensor:
        self.decoded = frames
        return torch.zeros(1, self.channels, 0)


def random_language_model(name: str) -> Any:
    """Return EnCodec's language model for one of its codecs, with random weights."""
    entry = find(name)
    torch.manual_seed(0)
    model = reference_package().model.LMModel(
        entry.levels,
        entry.codebook_size,
        num_layers=5,
        dim=200,
        past_context=int(PAST_S * entry.frame_rate_hz),
    )
    with torch.no_grad():
        for parameter in model.linears.parameters():
            parameter.mul_(LOGIT_GAIN)
    return model.eval()


def same_language_model(reference: nn.Module, name: str, folder: Path) -> LanguageModel:
    """Return ours with the weights of a reference, through a file as EnCodec publishes them."""
    path = folder / f"{name}.th"
    torch.save(reference.state_dict(), path)
    return load_language_model(find(name), path)


@dataclass(frozen=True)
class Comparison:
    """What came of one recording, both ways."""

    header: HeaderV0
    same_bytes: bool
    we_read_theirs: bool
    they_read_ours: bool

    @property
    def good(self) -> bool:
        """Whether all is the same; some lengths EnCodec cannot read back from itself either."""
        return self.same_bytes and self.we_read_theirs and self.they_read_ours == self.header.encodec_reads


def compare(
    header: HeaderV0, theirs: nn.Module | None = None, ours: LanguageModel | None = None
) -> Comparison:
    """Write random codes with both, and read each other's files, with the language models if given."""
    segments = make_codes_v0(header)
    network = CodesOnly(header, segments)
    our_bytes = make_file_v0(header, segments, push=31, predictor=ours)
    with patched_compress(network, theirs) as compress:
        audio = torch.zeros(network.channels, header.total_samples)
        their_bytes = compress.compress(network, audio, use_lm=theirs is not None)
        try:
            compress.decompress(our_bytes)
        except EOFError:
            network.decoded = []
    written = list(zip(segments, make_scales(header), strict=True))
    we_found = _found(open_reader(io.BytesIO(their_bytes), lambda _: ours), header)
    they_found = [
        (codes.numpy(), None if scale is None else scale.item()) for codes, scale in network.decoded
    ]
    return Comparison(header, our_bytes == their_bytes, _same(we_found, written), _same(they_found, written))


def _found(reader: AnyReader, header: HeaderV0) -> Found:
    found = [(event.codes, event.scale) for event in reader if isinstance(event, Audio)]
    if header.scaled or not reader.complete:
        return found
    return [(np.concatenate([codes for codes, _ in found], axis=2), None)]  # the pieces of one segment


def _same(one: Found, two: Found) -> bool:
    return len(one) == len(two) and all(
        np.array_equal(codes, other_codes) and scale == other_scale
        for (codes, scale), (other_codes, other_scale) in zip(one, two, strict=True)
    )


def compare_all() -> Iterator[Comparison]:
    """Compare many lengths and levels of both models, some of them also with the language models."""
    for name in MODEL_NAMES:
        for samples, levels in itertools.product(SAMPLES, LEVELS):
            yield compare(HeaderV0(name, samples, levels))
    for name in MODEL_NAMES:
        with tempfile.TemporaryDirectory() as folder:
            theirs = random_language_model(name)
            ours = same_language_model(theirs, name, Path(folder))
            for samples, levels in itertools.product(SAMPLES_WITH_LANGUAGE_MODEL, LEVELS_WITH_LANGUAGE_MODEL):
                yield compare(HeaderV0(name, samples, levels, True), theirs, ours)


def main() -> None:
    """Print the table; exit with 1 if anything differs."""
    torch.set_num_threads(1)
    print(f"# {description()}")
    print(
        "model,language_model,samples,levels,same_bytes,we_read_theirs,they_read_ours,encodec_reads_its_own"
    )
    different = 0
    for result in compare_all():
        header = result.header
        facts = header.model, header.language_model, header.total_samples, header.levels, result.same_bytes
        print(*facts, result.we_read_theirs, result.they_read_ours, header.encodec_reads, sep=",", flush=True)
        different += not result.good
    print(f"{different} differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()

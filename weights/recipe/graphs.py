"""Write the graphs that ONNX Runtime runs: `python -m weights.recipe.graphs weights/base_24khz.safetensors`.

They hold no weights, so that they stay as they are when only those change. Needs the extra `onnx`, and half a
minute.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from codectool.engines.torch_to_onnx import write_graphs
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.models.search import DESCRIPTION_SUFFIX
from codectool.models.torch_loading import build_with_weights, family_of


def main() -> None:
    """Trace the model of a weights file, and write its graphs beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="whose weights those are")
    arguments = parser.parse_args()
    entry = find(arguments.model)
    codec = build_with_weights(entry, family_of(entry), arguments.weights)
    description = arguments.weights.with_suffix(DESCRIPTION_SUFFIX)
    write_graphs(codec, asdict(codec.config), entry.channels, description)
    print(description)


if __name__ == "__main__":
    main()

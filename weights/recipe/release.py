"""Ship a trained model: `python -m weights.recipe.release runs/next`.

The run's best weights become weights/base_24khz.safetensors, with where they come from in its metadata, and
the registry gets their fingerprint, size and shape. What else a later run needs to go on lies beside them.
Graphs (`weights.recipe.graphs`) and a golden file (`weights.recipe.golden`) are made after it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from codectool.models.loading import load
from codectool.models.spectral import Config
from weights.recipe.export import STATE_FILE, export, load_exported

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "weights" / "base_24khz.safetensors"
REGISTRY = ROOT / "codectool" / "models" / "own_entries.py"
TOLD_OPTIONS = ("minutes", "batch", "segment_s", "learning_rate", "final_learning_rate", "device", "seed")


def provenance(run: Path, steps: str) -> dict[str, str]:
    """Return where the weights of a run come from, without paths."""
    options = dict(line.split("=", 1) for line in (run / "options.txt").read_text().splitlines())
    training = ", ".join(f"{name} {options[name]}" for name in TOLD_OPTIONS)
    return {
        "name": "base_24khz",
        "licence": "CC BY 4.0",
        "credits": "weights/CREDITS of codectool",
        "recipe": "weights/recipe of codectool",
        "training": f"steps {steps}, {training}",
    }


def main() -> None:
    """Write the weights and bring the registry into line."""
    run = Path(sys.argv[1])
    best = run / "best.safetensors"
    with safe_open(best, framework="pt") as file:
        steps = file.metadata()["steps"]
        config = Config(**json.loads(file.metadata()["config"]))
    export(load_exported(best), config, TARGET, provenance(run, steps))
    state = STATE_FILE.format(stem=TARGET.stem)
    shutil.copyfile(run / STATE_FILE.format(stem=best.stem), TARGET.with_name(state))
    model = load("base_24khz", TARGET, engine="torch")  # the graphs may be those of another shape
    parameters = sum(value.numel() for value in load_file(TARGET).values())
    text = REGISTRY.read_text()
    # The house model is the registry's first entry: the others' figures stay.
    text = re.sub(r'fromhex\("[0-9a-f]{16}"\)', f'fromhex("{model.fingerprint.hex()}")', text, count=1)
    text = re.sub(r"parameters=[\d_]+", f"parameters={parameters:_}", text, count=1)
    unusual = {name: value for name, value in asdict(config).items() if value != asdict(Config())[name]}
    text = re.sub(
        r"(parameters=[\d_]+,\n)( *config=.*\n)?", rf"\1            config={unusual},\n", text, count=1
    )
    REGISTRY.write_text(text)
    print(f"{TARGET.name}: fingerprint {model.fingerprint.hex()}, {parameters} parameters, {steps} steps")


if __name__ == "__main__":
    main()

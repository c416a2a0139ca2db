"""Ship a trained model: `python -m weights.recipe.release runs/next [--model base_48khz]`.

The run's best weights become weights/NAME.safetensors, with where they come from in its metadata, and the
registry's entry of that name gets their fingerprint, size and shape. What else a later run needs lies
beside them. Graphs (`weights.recipe.graphs`) and a golden file (`weights.recipe.golden`) are made after it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from codectool.models.loading import load
from codectool.models.registry import DEFAULT_MODEL
from codectool.models.spectral import Config
from weights.recipe.export import STATE_FILE, export, load_exported

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "codectool" / "models" / "own_entries.py"
TOLD_OPTIONS = ("minutes", "batch", "segment_s", "learning_rate", "final_learning_rate", "device", "seed")


def provenance(name: str, run: Path, steps: str) -> dict[str, str]:
    """Return where the weights of a run come from, without paths."""
    options = dict(line.split("=", 1) for line in (run / "options.txt").read_text().splitlines())
    training = ", ".join(f"{name} {options[name]}" for name in TOLD_OPTIONS)
    return {
        "name": name,
        "licence": "CC BY 4.0",
        "credits": "weights/CREDITS of codectool",
        "recipe": "weights/recipe of codectool",
        "training": f"steps {steps}, {training}",
    }


def registered(text: str, name: str, fingerprint: str, parameters: int, config: Config) -> str:
    """Return the registry's text with other figures in one entry."""
    before, entry = re.split(rf'(?<= name="{name}",\n)', text)
    entry = re.sub(r'fromhex\("[0-9a-f]{16}"\)', f'fromhex("{fingerprint}")', entry, count=1)
    entry = re.sub(r"parameters=[\d_]+", f"parameters={parameters:_}", entry, count=1)
    unusual = {key: value for key, value in asdict(config).items() if value != asdict(Config())[key]}
    entry = re.sub(
        r"(parameters=[\d_]+,\n)( *config=.*\n)?", rf"\1            config={unusual},\n", entry, count=1
    )
    return before + entry


def main() -> None:
    """Write the weights and bring the registry into line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the name of the registry's entry")
    arguments = parser.parse_args()
    run, name = arguments.run, arguments.model
    target = ROOT / "weights" / f"{name}.safetensors"
    best = run / "best.safetensors"
    with safe_open(best, framework="pt") as file:
        steps = file.metadata()["steps"]
        config = Config(**json.loads(file.metadata()["config"]))
    export(load_exported(best), config, target, provenance(name, run, steps))
    state = STATE_FILE.format(stem=target.stem)
    shutil.copyfile(run / STATE_FILE.format(stem=best.stem), target.with_name(state))
    model = load(name, target, engine="torch")  # the graphs may be those of another shape
    fingerprint = model.fingerprint.hex()
    parameters = sum(value.numel() for value in load_file(target).values())
    REGISTRY.write_text(registered(REGISTRY.read_text(), name, fingerprint, parameters, config))
    print(f"{target.name}: fingerprint {fingerprint}, {parameters} parameters, {steps} steps")


if __name__ == "__main__":
    main()

"""codec export-onnx"""

from __future__ import annotations

from pathlib import Path

import click

from codectool.cli.options import say
from codectool.models.registry import DEFAULT_MODEL


@click.command("export-onnx")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="The model to write.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights to use instead.")
@click.option("-f", "--force", is_flag=True, help="Overwrite what is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def export_onnx(folder: Path, model: str, weights: Path | None, force: bool, quiet: bool) -> None:
    """Write a model's encoder and decoder to FOLDER as ONNX files, for use from other programs.

    Each takes a block of one stream or several with their state, and gives the next state; a JSON file says
    what else a program has to know. The examples have a page for browsers that runs them.
    """
    from codectool.models import onnx_export

    for path in onnx_export.export_onnx(model, weights, folder, force):
        say(f"{path}: {path.stat().st_size} bytes", quiet)

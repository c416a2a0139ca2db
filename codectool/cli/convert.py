"""codec convert"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codectool.cli.options import language_model_options, say


@click.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights that IN was encoded with.")
@language_model_options
@click.option("-f", "--force", "overwrite", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def convert(quiet: bool, **given: Any) -> None:
    """Turn a version 0 file, EnCodec's own, into version 1: the same codes, which it checks, without loss.

    What version 0 does not say has to be known: the weights, and if it is entropy-coded the language model.
    """
    from codectool.pipeline.converting import ConvertJob
    from codectool.pipeline.converting import convert as convert_file

    written = convert_file(ConvertJob(**given))
    say(f"{given['target']}: {written} bytes", quiet)

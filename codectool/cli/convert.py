"""codec convert"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codectool.cli.operands import pair_operands, pair_option
from codectool.cli.options import language_model_options, say


@click.command()
@pair_option
@click.option("--weights", type=click.Path(path_type=Path), help="Weights that IN was encoded with.")
@language_model_options
@click.option("-f", "--force", "overwrite", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def convert(names: tuple[str, ...], output: str | None, quiet: bool, **given: Any) -> None:
    """Turn a version 0 file, EnCodec's own, into version 1: the same codes, which it checks, without loss.

    What version 0 does not say has to be known: the weights, and if it is entropy-coded the language model.
    """
    source, target = pair_operands(names, output, given["overwrite"])
    from codectool.pipeline.converting import ConvertJob
    from codectool.pipeline.converting import convert as convert_file

    written = convert_file(ConvertJob(source, target, **given))
    say(f"{target}: {written} bytes", quiet)

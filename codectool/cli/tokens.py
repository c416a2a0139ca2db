"""codec tokens"""

from __future__ import annotations

import click

from codectool.cli.operands import pair_operands, pair_option
from codectool.cli.options import say


@click.command()
@pair_option
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def tokens(names: tuple[str, ...], output: str | None, force: bool, quiet: bool) -> None:
    """Take codes out of an .ecdc file, to .npy or .npz (int16 [levels, frames]), or back from .npz."""
    source, target = pair_operands(names, output, force)
    from codectool.tokens.npz import TokensJob
    from codectool.tokens.npz import tokens as convert

    shape = convert(TokensJob(source, target, force))
    say(f"{target}: codes {' x '.join(map(str, shape))}", quiet)

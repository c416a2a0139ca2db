"""codec info"""

from __future__ import annotations

import json

import click

from codectool.cli.options import show
from codectool.cli.token_sets import show_tokens


@click.command()
@click.argument("source", metavar="FILE", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(source: str, as_json: bool) -> int:
    """Show what is in an .ecdc file, or a shard or folder of tokens, reading and checking all of it."""
    from codectool.container import scan
    from codectool.errors import DataError
    from codectool.files.inputs import open_input
    from codectool.tokens.reading import is_data_set

    if is_data_set(source):
        show_tokens(source, as_json)
        return 0
    with open_input(source) as stream:
        summary = scan(stream)
    facts = summary.facts()
    if as_json:
        show(json.dumps({"file": source, **facts}))
    else:
        for name, value in facts.items():
            show(f"{name.replace('_', ' '):24} {value}")
        show("\nUntil version 1.0 a file belongs to the version of codectool that wrote it.")
    return DataError.exit_code if summary.complete is False else 0

"""codec verify"""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
@click.option("-q", "--quiet", is_flag=True, help="Print damaged files only.")
def verify(sources: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Check every packet of .ecdc files, without decoding. Exit code 3 when any is damaged."""
    from codectool import edits
    from codectool.cli.options import say
    from codectool.errors import DataError

    worst = 0
    for source in sources:
        try:
            summary = edits.verify(source)
        except DataError as error:
            worst = error.exit_code
            damage = [str(error)]
        else:
            damage = [f"{source}: at frame {gap.first_frame}: {gap.reason}" for gap in summary.gaps]
        if as_json:
            click.echo(json.dumps({"file": source, "complete": not damage, "damage": damage}))
        elif not damage and not quiet:
            click.echo(f"{source}: good")
        for line in damage:
            worst = DataError.exit_code
            if not as_json:
                say(line)
    return worst

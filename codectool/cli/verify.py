"""codec verify"""

from __future__ import annotations

import json

import click

from codectool.cli.operands import coded_files
from codectool.cli.options import expanded, quoted, say, show
from codectool.cli.token_sets import verify_token_set


@click.command()
@click.argument("sources", metavar="FILE...", nargs=-1, type=click.Path(), required=True, callback=expanded)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
@click.option("-q", "--quiet", is_flag=True, help="Print damaged files only.")
def verify(sources: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Check every packet of .ecdc files, and of those in folders, without decoding. Exit code 3 for damage.

    Version 0 files have no checksums: of them only the header, the length and the scales can be checked. Of
    shards of tokens, or folders of them, every code is checked, and the digest that is kept beside them.
    """
    from codectool.container import editing
    from codectool.errors import DataError, FileError, WeightsError
    from codectool.tokens.reading import is_data_set

    codes = {0}
    for source in coded_files(sources):
        if is_data_set(source):
            codes.add(verify_token_set(source, as_json, quiet))
            continue
        verdict = "good"
        complete: bool | None = False
        try:
            summary = editing.verify(source)
        except (DataError, FileError) as error:
            damage = [str(error)]
            codes.add(error.exit_code)
        else:
            complete = summary.complete
            damage = [f"{source}: at frame {gap.first_frame}: {gap.reason}" for gap in summary.gaps]
            if complete is False:
                codes.add(DataError.exit_code)
            if summary.gap_count > len(summary.gaps):
                damage.append(f"{source}: damaged in {summary.gap_count - len(summary.gaps)} more places")
            if summary.header.version == 0:
                verdict = "as long as it should be; version 0 has no checksums"
        if as_json:
            show(json.dumps({"file": source, "complete": complete, "damage": damage}))
        elif complete and not quiet:
            show(f"{quoted(source)}: {verdict}")
        if complete is None:
            say(f"{source}: only its language model can tell: convert it to version 1")
            codes.add(WeightsError.exit_code)
        for line in damage if not as_json else ():
            say(line)
    return max(codes - {WeightsError.exit_code}) or max(codes)

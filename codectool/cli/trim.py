"""codec trim"""

from __future__ import annotations

import json

import click

from codectool.cli.operands import pair_operands, pair_option
from codectool.cli.options import Rate, refuse_json_beside, say, show


@click.command()
@pair_option
@click.option("-b", "--bitrate", "rate_bps", type=Rate(), help="Bit rate to bring it down to.")
@click.option("--levels", type=int, help="Number of levels to keep, instead of a rate.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def trim(
    names: tuple[str, ...],
    output: str | None,
    rate_bps: float | None,
    levels: int | None,
    as_json: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Bring an .ecdc file down to a lower rate without decoding: the upper levels are left out."""
    if (rate_bps is None) == (levels is None):
        raise click.UsageError("give either --bitrate or --levels")
    source, target = pair_operands(names, output, force)
    refuse_json_beside(target, as_json)
    from codectool.container import editing

    written = editing.trim_file(editing.TrimJob(source, target, levels, rate_bps, force))
    if as_json:
        show(json.dumps({"file": source, "output": target, "bytes_written": written}))
    else:
        say(f"{target}: {written} bytes", quiet)

"""The command line, one file a command: it fills a job and prints the result; heavy imports stay inside."""

from __future__ import annotations

import click

from codectool import __version__
from codectool.cli.bench import bench
from codectool.cli.completion import completion
from codectool.cli.convert import convert
from codectool.cli.decode import decode
from codectool.cli.encode import encode
from codectool.cli.eval import eval_command
from codectool.cli.info import info
from codectool.cli.listen import listen
from codectool.cli.models import models
from codectool.cli.tokenize import tokenize
from codectool.cli.tokens import tokens
from codectool.cli.trim import trim
from codectool.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="codec", message="%(prog)s %(version)s")
def cli() -> None:
    """Compress speech and music to 0.75-24 kbps with a neural codec, and back.

    Files of this version can be read by this version: until 1.0 the format and the weights may still change.
    """


for command in (
    encode,
    decode,
    info,
    verify,
    trim,
    tokens,
    tokenize,
    convert,
    models,
    eval_command,
    listen,
    bench,
    completion,
):
    cli.add_command(command)

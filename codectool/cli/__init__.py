"""The command line, one file a command: it fills a job and prints the result; heavy imports stay inside."""

from __future__ import annotations

import click

from codectool import __version__
from codectool.cli.sections import Program

COMMANDS = {
    "Sound": {
        "encode": "codectool.cli.encode:encode",
        "decode": "codectool.cli.decode:decode",
        "play": "codectool.cli.play:play",
    },
    "Encoded files, without a model": {
        "info": "codectool.cli.info:info",
        "verify": "codectool.cli.verify:verify",
        "trim": "codectool.cli.trim:trim",
        "tag": "codectool.cli.tag:tag",
        "convert": "codectool.cli.convert:convert",
    },
    "Tokens": {
        "tokens": "codectool.cli.tokens:tokens",
        "tokenize": "codectool.cli.tokenize:tokenize",
    },
    "Quality and speed": {
        "eval": "codectool.cli.eval:eval_command",
        "listen": "codectool.cli.listen:listen",
        "bench": "codectool.cli.bench:bench",
    },
    "This program": {
        "models": "codectool.cli.models:models",
        "export-onnx": "codectool.cli.export_onnx:export_onnx",
        "completion": "codectool.cli.completion:completion",
        "version": "codectool.cli.about:version",
        "help": "codectool.cli.about:help_command",
    },
}


@click.group(
    cls=Program,
    commands_by_section=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="codec", message="%(prog)s %(version)s")
def cli() -> None:
    """Compress speech and music to 0.75-24 kbps with a neural codec, and back.

    Files of this version can be read by this version: until 1.0 the format and the weights may still change.
    """

"""codec completion, and what a shell asks when the user presses Tab."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class, shell_complete

from codectool.cli.options import show

PROGRAM = "codec"
VARIABLE = "_CODEC_COMPLETE"  # which the shell sets to ask for completions
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes commands, options and files in a shell.

    \b
    bash: codec completion bash > ~/.local/share/bash-completion/completions/codec
    zsh:  codec completion zsh > "${fpath[1]}/_codec"
    fish: codec completion fish > ~/.config/fish/completions/codec.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # it is one of click's own
    context = click.get_current_context().find_root()
    # Not source(), which starts bash to see whether it is new enough: the file may be for another machine.
    show(kind.source_template % kind(context.command, {}, PROGRAM, VARIABLE).source_vars())


def answer_shell(command: click.Command) -> int | None:
    """Answer a shell that asks for completions; return the exit code, None if none asks."""
    instruction = os.environ.get(VARIABLE)
    return None if not instruction else shell_complete(command, {}, PROGRAM, VARIABLE, instruction)

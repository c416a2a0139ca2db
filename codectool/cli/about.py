"""codec version and codec help"""

from __future__ import annotations

import importlib.metadata
import json
import platform

import click

from codectool import __version__
from codectool.cli.options import show
from codectool.errors import UsageError

PACKAGES = ("click", "numpy", "onnxruntime", "safetensors", "soundfile", "soxr", "torch", "tqdm")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def version(as_json: bool) -> None:
    """Print the versions of all that takes part, as reports of faults should have them."""
    facts = versions()
    if as_json:
        show(json.dumps(facts))
        return
    for name, value in facts.items():
        show(f"{name.replace('_', ' '):16} {value if value is not None else 'not installed'}")


@click.command("help")
@click.argument("names", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def help_command(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command."""
    shown = context.find_root()
    for name in names:
        command = shown.command.get_command(shown, name) if isinstance(shown.command, click.Group) else None
        if command is None:
            raise UsageError(f"{' '.join(names)}: no such command; `codec help` lists them")
        shown = click.Context(command, parent=shown, info_name=name)
    show(shown.get_help())


def versions() -> dict[str, str | None]:
    """Return the versions of this program, of Python, and of the packages it uses; None for one not here."""
    import soundfile

    facts: dict[str, str | None] = {
        "codectool": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libsndfile": soundfile.__libsndfile_version__,
    }
    for name in PACKAGES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            facts[name] = None
    return facts

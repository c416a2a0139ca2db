"""codec models"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codectool.cli.options import known_models, say, show
from codectool.cli.words import in_options

if TYPE_CHECKING:
    from codectool.models.install import Installed
    from codectool.models.registry import ModelEntry

TOKEN_WINDOW_S = 30  # the usual context when tokens are counted
ABSENT_WIDTH = 64  # of the reasons why a codec is not here
TOKENS_IN_WINDOW = f"tokens_in_{TOKEN_WINDOW_S}_s"
Facts = dict[str, Any]
# The two lines of a column's heading, and how a model's facts are printed under it: of sound, and of tokens.
Column = tuple[str, str, Callable[[Facts], str]]
NAME: Column = ("", "model", lambda facts: str(facts["name"]))
SOUND_COLUMNS: tuple[Column, ...] = (
    NAME,
    ("rate", "kHz", lambda facts: f"{facts['sample_rate_hz'] / 1000:g}"),
    ("", "ch", lambda facts: str(facts["channels"])),
    ("bit rate", "kbps", lambda facts: "-".join(map(_short, facts["bitrates_kbps"]))),
    ("cau-", "sal", lambda facts: "yes" if facts["causal"] else "no"),
    ("", "latency", lambda facts: _shown_latency(facts["latency_ms"])),
    ("para-", "meters", lambda facts: f"{facts['parameters'] / 1e6:.1f} M"),
    ("wei-", "ghts", lambda facts: "here" if facts["weights"] else "no"),
    ("licence of", "weights", lambda facts: _short_licence(facts["licence"])),
)
TOKEN_COLUMNS: tuple[Column, ...] = (
    NAME,
    ("frames", "per s", lambda facts: _short(facts["frame_rate_hz"])),
    ("code-", "books", lambda facts: str(facts["codebooks"])),
    ("bits a", "token", lambda facts: str(facts["bits_a_token"])),
    ("tokens", "per s", lambda facts: _short(facts["tokens_a_second"])),
    ("tokens", f"in {TOKEN_WINDOW_S} s", lambda facts: f"{facts[TOKENS_IN_WINDOW]:.0f}"),
    ("first", "codebook", lambda facts: facts["codebook_names"].get("0", "")),
)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a model.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List the models, what they do, and whether their weights are here.

    The bit rate is that of the codes; latency, what the model itself adds, without packets. Tokens are those
    of all levels; fewer levels have fewer. `show` says more of one model, and where its weights come from.
    """
    if context.invoked_subcommand is not None:
        return
    from codectool.models.registry import known_models as all_models

    known = [_facts(entry) for entry in all_models()]
    for line in map(json.dumps, known) if as_json else _table(known):
        show(line)


@models.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show_command(name: str, as_json: bool) -> None:
    """Show all about one model: its tokens, licence and weights."""
    from codectool.models.registry import find

    facts = _facts(find(name))
    for line in (json.dumps(facts),) if as_json else _lines(facts):
        show(line)


@models.command()
@click.argument("name")
@click.option(
    "--mirror",
    envvar="CODECTOOL_MIRROR",
    metavar="URL",
    help="Where files of the same names lie, instead of their publisher's place [env: CODECTOOL_MIRROR].",
)
@click.option("-f", "--force", is_flag=True, help="Fetch them even if they are here.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def fetch(name: str, mirror: str | None, force: bool, quiet: bool) -> None:
    """Download the published weights of a model, check them, and keep them in the user's cache.

    A download that broke off goes on where it ended.
    """
    from codectool.models import install

    with _byte_bar(name, quiet) as progress:
        installed = install.fetch(install.FetchJob(name, force, mirror), progress)
    _report(installed, quiet)


@models.command()
@click.argument("name", shell_complete=known_models)
def path(name: str) -> None:
    """Print where the weights of a model are. Exit code 5 if they are not here."""
    from codectool.models.registry import find
    from codectool.models.search import find_weights

    show(str(find_weights(find(name))))


@models.command()
@click.argument("name", shell_complete=known_models)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def remove(name: str, quiet: bool) -> None:
    """Remove the weights of a model that were fetched or imported."""
    from codectool.models import install

    say(f"{install.remove(name)}: removed", quiet)


@models.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("target", metavar="[OUT]", required=False, type=click.Path(path_type=Path))
@click.option("--model", "name", metavar="NAME", help="Whose weights they are, where several models fit.")
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def import_command(source: Path, target: Path | None, name: str | None, force: bool, quiet: bool) -> None:
    """Convert a checkpoint, as its publishers or Hugging Face give it, to safetensors.

    Which model it is of, its tensors tell. Without OUT it goes to the user's cache, where --model alone finds
    it.
    """
    from codectool.models import install

    _report(install.convert(install.ImportJob(source, target, force, name)), quiet)


def _report(installed: Installed, quiet: bool) -> None:
    entry = installed.entry
    say(f"{installed.path}: weights {installed.fingerprint.hex()} of {entry.name}", quiet)
    if installed.note:
        say(installed.note, quiet)
    say(f"licence of the weights: {entry.licence}", quiet)


@contextmanager
def _byte_bar(name: str, quiet: bool) -> Iterator[Callable[[int], None] | None]:
    """Give a function that shows how many bytes are there, or None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    from codectool.models.registry import find

    download = find(name).download
    total = None if download is None else download.size_bytes
    with tqdm(desc=name, total=total, unit="B", unit_scale=True, leave=False) as bar:
        yield lambda there: bar.update(there - bar.n) and None


def _facts(entry: ModelEntry) -> Facts:
    from codectool.models.search import weights_in_place

    place = weights_in_place(entry)
    return {
        "name": entry.name,
        "sample_rate_hz": entry.sample_rate_hz,
        "channels": entry.channels,
        "frame_rate_hz": entry.frame_rate_hz,
        "codebooks": len(entry.rows_per_codebook) or entry.levels,
        "codebook_names": {str(number): name for number, name in entry.codebook_names.items()},
        "rows_per_codebook": entry.rows_per_codebook or [1] * entry.levels,
        "levels": entry.levels,
        "bits_a_token": entry.code_bits,
        "tokens_a_second": entry.frame_rate_hz * entry.levels,
        TOKENS_IN_WINDOW: entry.frame_rate_hz * entry.levels * TOKEN_WINDOW_S,
        "bitrates_kbps": [rate / 1000 for rate in (entry.rates_bps()[0], entry.rates_bps()[-1])],
        "causal": entry.causal,
        "latency_ms": round(1000 * entry.latency_samples / entry.sample_rate_hz, 1) or None,
        "longest_s": entry.longest_samples and entry.longest_samples / entry.sample_rate_hz,
        "parameters": entry.parameters,
        "licence": entry.licence,
        "fingerprint": entry.fingerprint.hex() or None,
        "weights": str(place) if place else None,
    }


def _table(known: list[Facts]) -> Iterator[str]:
    """Give the lines of tables that fit a terminal, what is not here, and where to read on."""
    from codectool.models.absent import ABSENT
    from codectool.quality.text_table import aligned

    for columns in (SOUND_COLUMNS, TOKEN_COLUMNS):
        rows = [[top for top, _, _ in columns], [bottom for _, bottom, _ in columns]]
        yield from aligned(rows + [[show(facts) for _, _, show in columns] for facts in known])
        yield ""
    yield "Not here:"
    for name, why in ABSENT.items():
        first, *others = textwrap.wrap(why, ABSENT_WIDTH)
        yield f"{name:15}{first}"
        yield from (" " * 15 + line for line in others)
    yield "\n`codec models show NAME` says more: licence, and how to get weights."


def _lines(facts: Facts) -> Iterator[str]:
    """Give what there is to say about one model, a line each."""
    from codectool.models.registry import find
    from codectool.models.search import WEIGHTS_VARIABLE, how_to_get

    said = {
        "model": facts["name"],
        "sample rate": f"{facts['sample_rate_hz']} Hz",
        "channels": facts["channels"],
        "frames a second": _short(facts["frame_rate_hz"]),
        "codebooks": facts["codebooks"],
        "bits a token": facts["bits_a_token"],
        "tokens a second": _short(facts["tokens_a_second"]),
        f"tokens in {TOKEN_WINDOW_S} s": f"{facts[TOKENS_IN_WINDOW]:.0f}",
        "bit rate": "{} to {} kbps".format(*map(_short, facts["bitrates_kbps"])),
        "causal": "yes" if facts["causal"] else "no",
        "latency": _shown_latency(facts["latency_ms"]),
        "parameters": f"{facts['parameters'] / 1e6:.1f} M",
    }
    if facts["longest_s"]:
        said["latency"] = f"codes a recording as a whole, {facts['longest_s']:g} s at most"
    said |= {f"codebook {number}": name for number, name in facts["codebook_names"].items()}
    if len(set(facts["rows_per_codebook"])) > 1:
        said["codes in a frame"] = ", ".join(map(str, facts["rows_per_codebook"])) + " by codebook"
    said["licence of the weights"] = facts["licence"]
    named = f" (for any model, by {WEIGHTS_VARIABLE})" if os.environ.get(WEIGHTS_VARIABLE) else ""
    said["weights"] = f"{facts['weights']}{named}" if facts["weights"] else "not here"
    yield from (f"{name:24} {value}" for name, value in said.items())
    if not facts["weights"]:
        yield in_options(how_to_get(find(facts["name"])))


def _short(value: float) -> str:
    """Return a number with as much behind the point as matters to choose a model."""
    return f"{value:.2g}" if value < 1 else f"{round(value, 1):g}"


def _short_licence(licence: str) -> str:
    """Return the name of a licence, without what is to be said about it."""
    for end in (" by ", ", ", ";"):
        licence = licence.partition(end)[0]
    return licence


def _shown_latency(latency_ms: float | None) -> str:
    """Return a latency; a model without one needs the whole recording."""
    if latency_ms is None:
        return "whole"
    return f"{latency_ms / 1000:.3g} s" if latency_ms >= 1000 else f"{latency_ms:.0f} ms"

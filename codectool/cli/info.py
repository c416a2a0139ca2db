"""codec info"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from codectool.cli.operands import coded_files
from codectool.cli.options import expanded, say, show
from codectool.cli.token_sets import show_tokens
from codectool.errors import CodecError, DataError

if TYPE_CHECKING:
    from codectool.container import Summary

NAME_COLUMNS = 24


@click.command()
@click.argument("names", metavar="FILE...", nargs=-1, required=True, type=click.Path(), callback=expanded)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a file.")
def info(names: tuple[str, ...], as_json: bool) -> int:
    """Show what is in .ecdc files, those in folders, or shards of tokens, reading and checking all of it."""
    from codectool.tokens.reading import is_data_set

    codes = [0]
    sources = list(coded_files(names))
    for source in sources:
        try:
            if is_data_set(source):
                show_tokens(source, as_json)
            else:
                codes.append(_show_file(source, as_json, len(sources) > 1))
        except CodecError as error:
            if len(sources) == 1:
                raise
            say(str(error))
            codes.append(error.exit_code)
    return max(codes)


def _show_file(source: str, as_json: bool, with_name: bool) -> int:
    """Print what is in one file; give the exit code."""
    from codectool.container import scan
    from codectool.files.inputs import open_input

    with open_input(source) as stream:
        summary = scan(stream)
    if as_json:
        named = _codebook_names(summary.header.model)
        show(json.dumps({"file": source, **summary.facts(), "codebook_names": named}))
    else:
        lines = list(_lines(summary))
        show("\n".join([*([f"{source}:"] if with_name else []), *lines, *([""] if with_name else [])]))
    return DataError.exit_code if summary.complete is False else 0


def _lines(summary: Summary) -> Iterator[str]:
    """Give the lines that people read."""
    facts = summary.facts()
    for name in ("tags", "damage"):
        facts.pop(name)
    for name, value in facts.items():
        yield _line(name.replace("_", " "), _shown(name, value))
    for number, text in _codebook_names(summary.header.model).items():
        yield _line(f"codebook {number}", text)
    for name, text in sorted(summary.tags.items()):
        yield _line(f"tag {name}", text)
    for gap in summary.gaps:
        lost = "all frames" if gap.frames is None else f"{gap.frames} frames"
        yield _line("damage", f"at frame {gap.first_frame}, {lost} lost: {gap.reason}")
    if (note := _note_on_weights(summary)) is not None:
        yield _line("note", note)


def _note_on_weights(summary: Summary) -> str | None:
    """Return what is to be known of the weights that wrote a file; None if this version comes with them."""
    from codectool.models.registry import find, is_known

    fingerprint, name = summary.header.fingerprint, summary.header.model
    entry = find(name) if is_known(name) else None
    if fingerprint is None or entry is None or entry.fingerprint in (b"", fingerprint):
        return None  # downloaded weights have a fingerprint only once they are there
    levels = entry.earlier.get(fingerprint, 0)
    if summary.header.levels <= levels:
        return f"from before version 1.0, by weights whose first {levels} levels mean the same today"
    return "from before version 1.0, or by weights of somebody's own: it decodes with those (--weights)"


def _codebook_names(model: str) -> dict[str, str]:
    """Return those of a model's codebooks that mean something, by number."""
    from codectool.models.registry import find, is_known

    names = find(model).codebook_names if is_known(model) else {}
    return {str(number): name for number, name in names.items()}


def _line(name: str, text: str) -> str:
    return f"{name:{NAME_COLUMNS}} {text}"


def _shown(name: str, value: Any) -> str:
    """Return a fact as people write it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        plain = f"{value:.6f}".rstrip("0").rstrip(".")
        return f"{plain} ({_clock(value)})" if name == "duration_s" and value >= 60 else plain
    return str(value)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}" if hours else f"{minutes}:{rest:05.2f}"

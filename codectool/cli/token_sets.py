"""Shards of tokens in commands that are for .ecdc files otherwise: info, verify and decode."""

from __future__ import annotations

import json
from typing import Any

from codectool.cli.options import say, show
from codectool.cli.progress import progress_bar
from codectool.errors import DataError, UsageError


def show_tokens(source: str, as_json: bool) -> None:
    """Print what a shard or a folder of them holds."""
    from codectool.tokens.summary import summarize

    facts = summarize(source).facts()
    if as_json:
        show(json.dumps({"file": source, **facts}))
        return
    for name, value in facts.items():
        if name != "use":
            show(f"{name.replace('_', ' '):24} {_shown(name, value)}")
    show(f"{'level':>5} {'codes':>7} {'perplexity':>11} {'dead codes':>11}")
    for level, use in enumerate(facts["use"]):
        show(f"{level:5} {use['codes']:7} {use['perplexity']:11.2f} {use['dead_codes']:11}")


def _shown(name: str, value: Any) -> str:
    """Return a fact as people write it."""
    if value is None:
        return "none"
    if name == "frame_rate":
        return "/".join(map(str, value))
    if name == "codebook_sizes" and len(set(value)) == 1:
        return f"{len(value)} of {value[0]}"
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def verify_token_set(source: str, as_json: bool, quiet: bool) -> int:
    """Print for each shard whether it is good; return the exit code."""
    from codectool.tokens.summary import verify_tokens

    code = 0
    for path, damage in verify_tokens(source):
        if as_json:
            show(
                json.dumps(
                    {"file": str(path), "complete": damage is None, "damage": [damage] if damage else []}
                )
            )
        elif damage is not None:
            say(damage)
        elif not quiet:
            show(f"{path}: good")
        code = code or (DataError.exit_code if damage is not None else 0)
    return code


def decode_token_set(
    source: str, target: str | None, to: str | None, quiet: bool, given: dict[str, Any]
) -> int:
    """Decode a shard, or a folder of them, into a folder of audio files; return the exit code."""
    from codectool.tokens.decoding import DecodeTokensJob, decode_tokens

    if target is None or target == "-":
        raise UsageError(f"{source}: holds many recordings; name a folder for them")
    for name in ("raw", "start_s", "duration_s", "strict", "model", "language_model"):
        if given[name]:
            raise UsageError(f"{source}: holds tokens, for which --{name.removesuffix('_s')} has no meaning")
    names = ("subtype", "weights", "device", "precision", "engine", "overwrite")
    chosen = {name: given[name] for name in names if name in given}
    job = DecodeTokensJob(source, target, f".{(to or 'wav').removeprefix('.')}", **chosen)
    with progress_bar(source, quiet) as progress:
        result = decode_tokens(job, progress)
    for error in result.errors:
        say(error)
    say(f"{target}: {result.items} recordings, {result.duration_s:.2f} s", quiet)
    return 1 if result.errors else 0

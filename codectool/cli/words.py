"""The library's words in those of the command line: its messages name arguments, which here are options."""

from __future__ import annotations

import re

ARGUMENT = re.compile(r"`(\w+)(?:=([^`]*))?`")  # `overwrite=True`, `weights=FILE` or `raw`
OPTIONS = {
    "overwrite": "-f",
    "force": "-f",
    "recursive": "-r",
    "retry": "--retry-failed",
    "workers": "--jobs",
    "rate_hz": "--rate",
    "start_s": "--start",
    "duration_s": "--duration",
    "keep_channels": "--channels keep",
    "low_latency": "--low-latency",
    "keep_suffix": "--keep-suffix",
    "header_from": "--header-from",
    "reference_rate_hz": "--reference-rate",
    "language_model": "--lm",
    "language_model_threads": "--lm-threads",
} | {
    name: f"--{name}"
    for name in (
        "against",
        "align",
        "channels",
        "container",
        "engine",
        "include",
        "jobs",
        "model",
        "plot",
        "rates",
        "raw",
        "scores",
        "subtype",
        "weights",
    )
}


def in_options(message: str) -> str:
    """Return a message of the library with options in place of arguments.

    An argument stands in backticks, with or without a value; anything else in them stays as it is.
    """
    return ARGUMENT.sub(_option, message)


def _option(found: re.Match[str]) -> str:
    name, value = found.groups()
    option = OPTIONS.get(name)
    if option is None:
        return found.group()
    return option if value in (None, "True") else f"{option} {value.strip(chr(39))}"

"""Help in sections: click's own commands and options, listed by what they are for."""

from __future__ import annotations

import importlib
from typing import Any

import click

PLAIN = "Options"


class Option(click.Option):
    """An option that is listed in a section of its command's help."""

    def __init__(self, *args: Any, section: str = PLAIN, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """A command whose options are listed in sections, those without one first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options."""
        sections: dict[str, list[tuple[str, str]]] = {PLAIN: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", PLAIN), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class Program(click.Group):
    """Commands in sections, each imported only when it is asked for: starting takes no time for the others.

    `commands_by_section` maps a title to names, and a name to where its command is, as `module:attribute`.
    """

    def __init__(self, *args: Any, commands_by_section: dict[str, dict[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections = commands_by_section
        self._places = {
            name: place for names in commands_by_section.values() for name, place in names.items()
        }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the sections."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the first sentence of its help."""
        limit = formatter.width - 6 - max(map(len, self._places))
        for title, names in self._sections.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit)) for name, command in commands if command]
                )

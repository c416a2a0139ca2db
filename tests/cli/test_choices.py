"""Options spell out their choices, so that help loads nothing: they are those of the library all the same."""

from __future__ import annotations

import click
import pytest

from codectool.cli.encode import encode
from codectool.cli.tokenize import tokenize
from codectool.models.loading import ENGINES, PRECISIONS
from codectool.tokens.formats import FORMATS


@pytest.mark.parametrize(
    ("command", "name", "choices"),
    [
        (encode, "engine", ENGINES),
        (encode, "precision", PRECISIONS),
        (tokenize, "form", tuple(FORMATS)),
    ],
)
def test_options_offer_what_there_is(command: click.Command, name: str, choices: tuple[str, ...]) -> None:
    (offered,) = [each.type for each in command.params if each.name == name]
    assert isinstance(offered, click.Choice)
    assert tuple(offered.choices) == choices

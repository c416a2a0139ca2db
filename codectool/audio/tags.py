"""The few tags that travel with audio."""

from __future__ import annotations

TAG_NAMES = ("title", "artist", "date", "comment")
TAG_OF_INFO = {
    b"INAM": "title",
    b"IART": "artist",
    b"ICRD": "date",
    b"ICMT": "comment",
}  # RIFF's names for them
TAG_MAX_CHARACTERS = 1000


def clean_tag(text: str | bytes) -> str:
    """One printable line of at most 1000 characters: what a file says must not steer a terminal."""
    line = " ".join((text if isinstance(text, str) else _decode(text)).split())
    return "".join(character for character in line if character.isprintable())[:TAG_MAX_CHARACTERS]


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")  # what older writers used

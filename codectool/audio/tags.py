"""The few tags that travel with audio."""

from __future__ import annotations

TAG_NAMES = ("title", "artist", "album", "tracknumber", "date", "genre", "comment", "copyright")
TAG_OF_INFO = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ITRK": "tracknumber",
    b"ICRD": "date",
    b"IGNR": "genre",
    b"ICMT": "comment",
    b"ICOP": "copyright",
}  # RIFF's names for them
# What libsndfile has room for; in formats that are not named here, for all of them.
TAGS_OF_FORMAT: dict[str, tuple[str, ...]] = {
    "AIFF": ("title", "artist", "comment", "copyright"),
    "AU": (),
    "MP3": TAG_NAMES[:-1],
    "RAW": (),
    "W64": (),
}
OTHER_NAMES = {
    "track": "tracknumber",
    "track number": "tracknumber",
    "year": "date",
    "description": "comment",
}
TAG_MAX_CHARACTERS = 1000


def tag_name(name: str) -> str:
    """Return the one name of a tag: case means nothing, and a few have several names."""
    lower = name.strip().lower()
    return OTHER_NAMES.get(lower, lower)


def dropped_tags(format_name: str, tags: dict[str, str]) -> list[str]:
    """Return the names of tags that a format, by libsndfile's name, has no room for."""
    room = TAGS_OF_FORMAT.get(format_name, TAG_NAMES)
    return sorted(name for name, text in tags.items() if text and name not in room)


def clean_tag(text: str | bytes) -> str:
    """One printable line of at most 1000 characters: what a file says must not steer a terminal."""
    line = " ".join((text if isinstance(text, str) else _decode(text)).split())
    return "".join(character for character in line if character.isprintable())[:TAG_MAX_CHARACTERS]


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")  # what older writers used

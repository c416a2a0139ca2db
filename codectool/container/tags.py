"""Tags as one small JSON object (FORMAT.md, section 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from codectool.errors import DataError, UsageError

TAGS_LIMIT_BYTES = 16 * 1024
TAGS_LIMIT_KEYS = 64


def encode_tags(tags: Mapping[str, str]) -> bytes:
    """Return the one spelling of these tags, 1 to 64 of them in 16384 bytes at most; else UsageError."""
    problem = _problem(tags)
    if problem:
        raise UsageError(f"tags: {problem}")
    try:
        payload = json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except UnicodeEncodeError as error:
        raise UsageError("tags: a value is not valid Unicode text") from error
    if len(payload) > TAGS_LIMIT_BYTES:
        raise UsageError(f"tags: {len(payload)} bytes, more than {TAGS_LIMIT_BYTES}: shorten or drop some")
    return payload


def decode_tags(payload: bytes) -> dict[str, str]:
    """Return the tags of a payload; DataError if it is not what `encode_tags` would write."""
    try:
        pairs = json.loads(payload, object_pairs_hook=tuple)
        tags = dict(pairs)
        if encode_tags(tags) == payload:
            return tags
    except (ValueError, TypeError, RecursionError, UsageError):
        pass
    raise DataError("the tags are malformed")


def _problem(tags: Mapping[str, str]) -> str | None:
    if not 1 <= len(tags) <= TAGS_LIMIT_KEYS:
        return f"{len(tags)} keys, not 1 to {TAGS_LIMIT_KEYS}"
    if not all(isinstance(key, str) and key and isinstance(value, str) for key, value in tags.items()):
        return "a key is empty, or a key or value is not text"
    return None

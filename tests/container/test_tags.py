from __future__ import annotations

import pytest

from codectool.container.tags import TAGS_LIMIT_BYTES, decode_tags, encode_tags
from codectool.errors import DataError, UsageError


@pytest.mark.parametrize(
    "tags",
    [
        {"title": "A"},
        {"b": "2", "a": "1"},
        {"Künstler": "ein „Quartett“ 🎻", "comment": 'line\nline\t"quoted" \\ \x07 \x7f \x1b[31m'},
        {f"key {number}": "" for number in range(64)},
        {"text": "x" * (TAGS_LIMIT_BYTES - len('{"text":""}'))},
    ],
)
def test_round_trip(tags: dict[str, str]) -> None:
    payload = encode_tags(tags)
    assert decode_tags(payload) == tags
    assert b"\xec\xdc" not in payload


def test_order_does_not_matter() -> None:
    assert encode_tags({"b": "2", "a": "1"}) == encode_tags({"a": "1", "b": "2"}) == b'{"a":"1","b":"2"}'


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"": "value"},
        {"track": 1},
        {1: "value"},
        {"lone": "\ud800"},
        {f"key {number}": "" for number in range(65)},
        {"text": "x" * (TAGS_LIMIT_BYTES - len('{"text":""}') + 1)},
    ],
)
def test_bad_tags_cannot_be_written(tags: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="tags: "):
        encode_tags(tags)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'"text"',
        b'[["a","b"]]',
        b'{"a":1}',
        b'{"a":null}',
        b'{"a":{"b":"c"}}',
        b'{"a":"b"',
        b'{"a":"b"} ',
        b'{"a": "b"}',
        b'{"a":"1","a":"2"}',
        b'{"b":"1","a":"2"}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":"b"}',
        '{"a":"b"}'.encode("utf-16"),
        b"[" * TAGS_LIMIT_BYTES,
        b'{"a":' * 3000,
        b'{"a":' + b"9" * 16000 + b"}",
    ],
)
def test_any_other_spelling_is_refused(payload: bytes) -> None:
    with pytest.raises(DataError, match="malformed"):
        decode_tags(payload)

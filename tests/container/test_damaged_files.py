from __future__ import annotations

import io

import pytest

from codectool.container import scan
from codectool.errors import DataError

from .damaged import CODES, FOLDER, damaged_files
from .samples import check_codes, lost, read

LOST: dict[str, list[tuple[int, int | None]]] = {
    "whole.ecdc": [],
    "header_bit.ecdc": [(0, 0)],
    "payload_bit.ecdc": [(10, 5)],
    "sync_bit.ecdc": [(10, 5)],
    "length_bit.ecdc": [(10, 5)],
    "cut_in_packet.ecdc": [(10, None)],
    "cut_between_packets.ecdc": [(10, None)],
    "packet_dropped.ecdc": [(10, 5)],
    "packet_repeated.ecdc": [(15, 0)],
    "packets_swapped.ecdc": [(10, 5), (20, 0)],
    "tags_dropped.ecdc": [(25, 0)],
    "last_dropped.ecdc": [(25, None)],
    "foreign_bytes.ecdc": [(10, 0)],
    "false_length.ecdc": [(10, 0)],
    "joined_twice.ecdc": [(28, 0)],
}
HEADERS = {
    "header_cut.ecdc": "ends inside its header",
    "header_version_0.ecdc": "has no 'm', as EnCodec's own layout must",
    "header_version_2.ecdc": "version 2",
}


def test_the_files_kept_are_those_the_script_makes() -> None:
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert kept == damaged_files()
    assert set(kept) == set(LOST) | set(HEADERS)


@pytest.mark.parametrize("name", LOST)
def test_losses(name: str) -> None:
    reader, events = read((FOLDER / name).read_bytes())
    check_codes(events, CODES)
    assert lost(events) == LOST[name]
    assert reader.complete == (name == "whole.ecdc")


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    with pytest.raises(DataError, match=HEADERS[name]):
        scan(io.BytesIO((FOLDER / name).read_bytes()))

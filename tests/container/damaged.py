"""The damaged files kept by name in tests/data/container; `python -m tests.container.damaged` writes them."""

from __future__ import annotations

from pathlib import Path

from codectool.container.packets import HEAD, SYNC, Flag

from .samples import make_codes, make_file, make_header, split

FOLDER = Path(__file__).parent.parent / "data" / "container"
HEADER = make_header(frames_per_packet=5)
CODES = make_codes(HEADER, 28)  # 5 full packets, tags, a last one of 3 frames


def damaged_files() -> dict[str, bytes]:
    """Return the content of every file by name; `whole.ecdc` is the one they come from."""
    whole = make_file(HEADER, CODES, {"title": "A"})
    pieces = split(whole)

    def joined(*order: int) -> bytes:
        return b"".join(pieces[index] for index in order)

    def flipped(offset: int) -> bytes:
        return whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :]

    third = len(joined(0, 1, 2))  # offset of the third audio packet
    claim = HEAD.pack(SYNC, Flag.TAGS, 2, 16384)
    return {
        "whole.ecdc": whole,
        "header_cut.ecdc": whole[:20],
        "header_bit.ecdc": flipped(22),
        "header_version_0.ecdc": whole[:4] + b"\0\0\0\0\x02{}",
        "header_version_2.ecdc": whole[:4] + b"\2" + whole[5:],
        "payload_bit.ecdc": flipped(third + 12),
        "sync_bit.ecdc": flipped(third),
        "length_bit.ecdc": flipped(third + 8),
        "cut_in_packet.ecdc": whole[: third + 12],
        "cut_between_packets.ecdc": whole[:third],
        "packet_dropped.ecdc": joined(0, 1, 2, 4, 5, 6, 7),
        "packet_repeated.ecdc": joined(0, 1, 2, 3, 3, 4, 5, 6, 7),
        "packets_swapped.ecdc": joined(0, 1, 2, 4, 3, 5, 6, 7),
        "tags_dropped.ecdc": joined(0, 1, 2, 3, 4, 5, 7),
        "last_dropped.ecdc": joined(0, 1, 2, 3, 4, 5, 6),
        "foreign_bytes.ecdc": joined(0, 1, 2) + b"foreign" + joined(3, 4, 5, 6, 7),
        "false_length.ecdc": joined(0, 1, 2) + claim + joined(3, 4, 5, 6, 7),
        "joined_twice.ecdc": whole + whole,
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in damaged_files().items():
        (FOLDER / name).write_bytes(data)

"""FORMAT.md is what the code does: its example is parsed and compared with the writer and the reader."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import codectool.container
from codectool.container import Writer, WriterV0, codes_of, open_reader

from .samples import check_codes, make_codes, make_file, make_header, read

FORMAT = (Path(codectool.container.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
HEADER = make_header(frames_per_packet=2)
CODES = np.array([[[1, 2, 1023], [512, 0, 341]]], dtype=np.uint16)


def example(name: str = "example") -> bytes:
    block = re.search(rf"```{name}\n(.*?)```", FORMAT, re.DOTALL)
    assert block
    data = b""
    for line in block[1].splitlines():
        row = re.fullmatch(r" *(\d+)  ((?:[0-9A-F]{2} )*[0-9A-F]{2}) +\S.*", line)
        assert row, line
        assert int(row[1]) == len(data), line
        data += bytes.fromhex(row[2])
    return data


def test_the_writer_writes_the_example() -> None:
    stream = io.BytesIO()
    writer = Writer(stream, HEADER)
    writer.write_codes(CODES)
    writer.finish(1700, {"title": "A"})
    assert stream.getvalue() == example()


def test_the_reader_reads_the_example() -> None:
    reader, events = read(example())
    assert reader.header == HEADER
    assert check_codes(events, CODES) == 3
    assert reader.total_samples == 1700
    assert reader.tags == {"title": "A"}
    assert reader.complete


def test_the_bits_written_out_are_those_of_the_example() -> None:
    for text in re.findall(r"`([01]{4,10}(?: [01]{4,10})+)`", FORMAT):
        bits = text.replace(" ", "")
        assert int(bits, 2).to_bytes(len(bits) // 8, "big") in example()


def test_the_sums_hold() -> None:
    sums = re.findall(r"(\d+) \+ (\d+) . 13 \+ 56 = (\d+) bytes", FORMAT)
    assert len(sums) == 1
    codes_bytes, packets, total_bytes = map(int, sums[0])
    assert (packets - 1) * 750 == codes_bytes  # the last packet holds no frame
    assert packets * 13 + 56 + codes_bytes == total_bytes
    header = make_header(model="base_24khz", levels=8)
    assert len(make_file(header, make_codes(header, codes_bytes // 10))) == total_bytes
    assert f"{100 * (total_bytes / codes_bytes - 1):.2f} % over the codes" in FORMAT
    assert 36 + len("base_24khz") + 10 == 56
    assert 36 + len("encodec_24khz") + 10 == 59


def test_the_example_of_version_0() -> None:
    codes = np.array([[[1, 1023], [512, 0], [2, 341]]])
    stream = io.BytesIO()
    writer = WriterV0(stream, "encodec_24khz", 3)
    writer.write_codes(codes)
    writer.finish(400)
    assert stream.getvalue() == example("example-v0")
    np.testing.assert_array_equal(codes_of(open_reader(io.BytesIO(example("example-v0")))), codes)


def test_importing_the_container_loads_no_torch() -> None:
    code = "import sys, codectool.container; sys.exit('torch' in sys.modules)"
    root = Path(codectool.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

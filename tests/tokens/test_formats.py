"""What a format writes it reads back, and so do the programs it is made for."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codectool.errors import DataError
from codectool.tokens.formats import BESIDE_CUTS, FORMATS, Format, format_of_shard
from codectool.tokens.records import Description, Record

SMALL = Description("toy", "00" * 8, 24_000, 320, (1024, 1024, 1024), None, "torch", "float32", "cpu", "0")
LARGE = Description("toy", "00" * 8, 44_100, 512, (65_536,), 75, "torch", "float32", "cpu", "0")


def records(description: Description) -> list[Record]:
    """Five records, one without frames."""
    rng = np.random.default_rng(0)
    scales = (0.5, 1.25) if description.segment_frames else None
    found = []
    for number, frames in enumerate([7, 0, 150, 1, 12]):
        codes = np.stack([rng.integers(0, size, frames) for size in description.codebook_sizes])
        fields = {"text": f"Grüße {number}", "nested": {"speaker": number}}
        key = f"folder/clip{number}"
        found.append(Record(key, codes.astype(description.dtype), 300 * frames, 22_050, 2, scales, fields))
    return found


def write(each: Format, description: Description, path: Path, rows: list[Record] | None = None) -> Path:
    target = path / each.pattern.format(0)
    output = io.BytesIO()
    each.write(output, description, records(description) if rows is None else rows, target)
    target.write_bytes(output.getvalue())
    return target


@pytest.fixture(params=FORMATS)
def each(request: pytest.FixtureRequest) -> Format:
    """Every format, skipped where its library is not installed."""
    if request.param == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
    return FORMATS[request.param]


@pytest.mark.parametrize("description", [SMALL, LARGE], ids=["int16", "int32"])
def test_a_format_reads_what_it_writes(each: Format, description: Description, tmp_path: Path) -> None:
    shard = write(each, description, tmp_path)
    assert format_of_shard(shard).read is each.read
    found_description, found = each.read(shard)
    assert found_description == description
    for was, expected in zip(found, records(description), strict=True):
        np.testing.assert_array_equal(was.codes, expected.codes)
        assert was.row() == expected.row()
    again = tmp_path / "again"
    again.mkdir()
    assert write(each, description, again).read_bytes() == shard.read_bytes()


def test_codes_are_as_small_as_they_can_be(tmp_path: Path) -> None:
    for description, dtype in ((SMALL, np.int16), (LARGE, np.int32)):
        _, found = FORMATS["wds"].read(write(FORMATS["wds"], description, tmp_path))
        assert all(record.codes is not None and record.codes.dtype == dtype for record in found)


def test_damage_is_told(each: Format, tmp_path: Path) -> None:
    shard = write(each, SMALL, tmp_path)
    whole = shard.read_bytes()
    for changed in (whole[: len(whole) // 2], b"nonsense" * 200, b""):
        shard.write_bytes(changed)
        with pytest.raises(DataError, match=shard.name):
            list(each.read(shard)[1])


def test_a_line_may_not_name_files_elsewhere(tmp_path: Path) -> None:
    shard = write(FORMATS["npy"], SMALL, tmp_path)
    np.save(tmp_path.parent / "secret.npy", np.zeros((3, 7), np.int16))
    row = json.loads(shard.read_text().splitlines()[0])
    shard.write_text(json.dumps(row | {"codes_path": "../secret.npy"}) + "\n")
    with pytest.raises(DataError, match="outside"):
        list(FORMATS["npy"].read(shard)[1])


@pytest.mark.filterwarnings("ignore")
def test_webdataset_reads_it(tmp_path: Path) -> None:
    webdataset = pytest.importorskip(
        "webdataset", reason="webdataset is not installed: pip install '.[test]'"
    )
    shard = write(FORMATS["wds"], SMALL, tmp_path)
    found = list(webdataset.WebDataset(str(shard), shardshuffle=False).decode())
    assert [each["__key__"] for each in found] == [record.key for record in records(SMALL)]
    for was, expected in zip(found, records(SMALL), strict=True):
        np.testing.assert_array_equal(was["npy"], expected.codes)
        assert was["json"] == expected.row()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["wds", "parquet", "jsonl"])
def test_hugging_face_datasets_read_it(name: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install '.[test]'")
    shard = write(FORMATS[name], SMALL, tmp_path)
    kind = {"wds": "webdataset", "jsonl": "json"}.get(name, name)
    found = datasets.load_dataset(
        kind, data_files=str(shard), split="train", cache_dir=str(tmp_path / "cache")
    )
    column, is_turned = {"wds": ("npy", False), "parquet": ("codes", False), "jsonl": ("audio_codes", True)}[
        name
    ]
    for was, expected in zip(found, records(SMALL), strict=True):
        assert expected.codes is not None
        codes = expected.codes.T if is_turned else expected.codes
        np.testing.assert_array_equal(np.array(was[column]).reshape(codes.shape), codes)


@pytest.mark.filterwarnings("ignore")
def test_lhotse_reads_codes_with_cuts_of_ours(tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed: pip install '.[test]'")
    write(FORMATS["shar"], SMALL, tmp_path)
    cuts = list(lhotse.CutSet.from_shar(in_dir=tmp_path))
    assert [cut.id for cut in cuts] == [record.key for record in records(SMALL)]
    for cut, expected in zip(cuts, records(SMALL), strict=True):
        assert expected.codes is not None
        # load_codes() would cut them to the rounded duration; without frames, Lhotse gives 0 x 0
        codes = cut.codes.load().reshape(expected.codes.shape)
        np.testing.assert_array_equal(codes, expected.codes)
        assert cut.duration == expected.duration_s
        assert cut.supervisions[0].text == expected.fields["text"]


@pytest.mark.filterwarnings("ignore")
def test_lhotse_reads_codes_beside_its_own_cuts(tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed: pip install '.[test]'")
    rows = records(SMALL)
    names = [record.key for record in rows]
    lhotse.CutSet.from_cuts(
        [lhotse.MonoCut(id=name, start=0, duration=1, channel=0) for name in names]
    ).to_file(tmp_path / "cuts.000000.jsonl.gz")
    rows[2] = Record(rows[2].key, None)
    write(BESIDE_CUTS, SMALL, tmp_path, rows)
    cuts: list[Any] = list(lhotse.CutSet.from_shar(in_dir=tmp_path))
    assert [cut.id for cut in cuts] == names
    assert [cut.has_custom("codes") for cut in cuts] == [True, True, False, True, True]
    np.testing.assert_array_equal(cuts[4].load_codes(), rows[4].codes)
    assert len(list(BESIDE_CUTS.read(tmp_path / "codes.000000.tar")[1])) == 4

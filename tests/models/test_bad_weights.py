"""Weights that are not what they should be, of the families of the field: one line, nothing run or taken."""

from __future__ import annotations

import json
import os
import pickle
import random
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from codectool.__main__ import run
from codectool.errors import CodecError, WeightsError
from codectool.models import identifying
from codectool.models.identifying import identify
from codectool.models.loading import load
from codectool.models.registry import MODELS, find
from codectool.models.torch_loading import family_of
from codectool.models.weights import weights_fingerprint
from tests.models.small_field import SMALL, Tensors, small_entry, tensors_of

GIB = 1 << 30


@pytest.fixture(params=SMALL)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model of each family, small."""
    for model in SMALL:
        monkeypatch.setitem(MODELS, model, small_entry(model))
    # Building all others, to see whether a file is theirs, would take seconds.
    monkeypatch.setattr(identifying, "known_models", lambda: [find(model) for model in SMALL])
    return str(request.param)


def is_refused(name: str, path: Path) -> str:
    """Check that all that read weights refuse a file, in one line that names it, and return that."""
    said = []
    for read in (lambda: load(name, path), lambda: identify(path, find(name)), lambda: identify(path)):
        with pytest.raises(CodecError) as caught:
            read()
        assert caught.value.exit_code == 5
        said.append(str(caught.value))
    for line in said:
        assert line.startswith(f"{path}: ")
        assert "\n" not in line
        assert len(line) < 600
    return said[0]


def written(tensors: Tensors, path: Path, metadata: dict[str, str] | None = None) -> Path:
    path.write_bytes(save({key: value.contiguous() for key, value in tensors.items()}, metadata))
    return path


def first(tensors: Tensors, end: str = ".weight") -> str:
    return next(key for key in tensors if key.endswith(end))


def changed(end: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], Tensors]:
    def make(tensors: Tensors) -> Tensors:
        key = first(tensors, end)
        return tensors | {key: change(tensors[key])}

    return make


WRONG: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a tensor missing": (lambda t: {k: v for k, v in t.items() if k != first(t)}, "1 tensors differ"),
    "one too many": (lambda t: t | {"surplus": torch.zeros(1)}, "surplus"),
    "another shape": (changed(".weight", lambda v: torch.zeros(*v.shape, 2)), "1 tensors differ"),
    "a level more": (changed("codebooks", lambda v: torch.cat((v, v[:1]))), "tensors differ"),
    "no levels": (changed("codebooks", lambda v: v[:0]), "tensors differ"),
    "larger codebooks": (changed("codebooks", lambda v: torch.cat((v, v), dim=1)), "tensors differ"),
    "not a number": (changed(".weight", lambda v: v * float("nan")), "not finite"),
    "no end": (changed("codebooks", lambda v: v / 0), "not finite"),
    "whole numbers": (changed(".weight", lambda v: v.to(torch.int64)), "holds int64"),
    "complex numbers": (changed(".weight", lambda v: v.to(torch.complex64)), "holds complex64"),
    "no tensors": (lambda t: {}, "tensors differ"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_tensors_are_refused(name: str, kind: str, tmp_path: Path) -> None:
    change, said = WRONG[kind]
    assert said in is_refused(name, written(change(tensors_of(name)), tmp_path / "a.safetensors"))


def test_weights_of_every_other_model_are_refused(name: str, tmp_path: Path) -> None:
    for other in SMALL:
        path = written(tensors_of(other), tmp_path / f"{other}.safetensors")
        if other == name:
            assert load(name, path).fingerprint == identify(path).fingerprint == weights_fingerprint(path)
            continue
        with pytest.raises(CodecError, match=f"not weights of {name}|{name} .*tensors differ"):
            load(name, path)
        with pytest.raises(CodecError) as caught:
            identify(path, find(name))
        assert "\n" not in str(caught.value)


def test_another_size_of_the_same_family_is_refused(tmp_path: Path) -> None:
    for wanted, given in (("dac_44khz", "dac_24khz"), ("snac_24khz", "snac_32khz")):
        family = family_of(find(given))
        with torch.device("meta"):
            codec: Any = family.build(family.config(**find(given).config))
        shapes = {key: list(value.shape) for key, value in codec.state_dict().items()}
        path = claiming(shapes, tmp_path / f"{given}.safetensors")
        with pytest.raises(CodecError, match=f"not weights of {wanted}: [0-9]+ tensors differ"):
            load(wanted, path)


def claiming(shapes: dict[str, list[int]], path: Path) -> Path:
    """Write a safetensors file of so many zeros, in a sparse file that takes no room on the disk."""
    header, end = {}, 0
    for key, shape in shapes.items():
        size = 4 * torch.Size(shape).numel()
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(file.tell() + end)
    return path


def test_claims_take_no_memory(name: str, tmp_path: Path) -> None:
    shapes = {key: list(value.shape) for key, value in tensors_of(name).items()}
    book = first(tensors_of(name), "codebooks")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for key in (first(tensors_of(name)), book):
        path = claiming(shapes | {key: [*shapes[key][:-1], 4 * GIB]}, tmp_path / "huge.safetensors")
        assert path.stat().st_size > 16 * GIB
        assert "tensors differ" in is_refused(name, path)
    content = bytearray(written(tensors_of(name), tmp_path / "a.safetensors").read_bytes())
    content[:8] = struct.pack("<Q", 1 << 60)  # the length of its header
    (tmp_path / "header.safetensors").write_bytes(content)
    is_refused(name, tmp_path / "header.safetensors")
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 << 10


def test_a_shape_of_its_own_is_refused(name: str, tmp_path: Path) -> None:
    claims: tuple[object, ...] = (
        {"layers": 10**9},
        {"levels": 10**12},
        [],
        3,
        {"codebook_size": -1},
        {"a": 1},
    )
    for number, claim in enumerate(claims):
        metadata = {"config": json.dumps(claim)}
        path = written(tensors_of(name), tmp_path / f"{number}.safetensors", metadata)
        with pytest.raises(CodecError, match="metadata") as caught:
            load(name, path)
        assert caught.value.exit_code == 5


class Shouting:
    """What runs a command when it is unpickled without care."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch was_run",)


def test_pickles_with_code_run_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for at, content in enumerate(
        (
            {**tensors_of(name), "extra": Shouting()},
            {"state_dict": tensors_of(name), "metadata": {"kwargs": Shouting()}},
            Shouting(),
        )
    ):
        path = tmp_path / f"{at}.pth"
        torch.save(content, path)
        assert "holds more than tensors, which is never loaded" in is_refused(name, path)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps({"extra": Shouting()}, protocol=2))
    is_refused(name, plain)
    assert not (tmp_path / "was_run").exists()


@pytest.mark.usefixtures("name")
@pytest.mark.parametrize("name", ["dac_44khz"], indirect=True)
def test_a_packed_archive_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"a": torch.zeros(1 << 20)}, path)
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(tmp_path / "b.pth", "w") as packed:
        for item in stored.infolist():
            packed.writestr(item.filename, stored.read(item), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "b.pth").stat().st_size < 100_000
    is_refused("dac_44khz", tmp_path / "b.pth")


def saved(name: str, kind: str, folder: Path) -> Path:
    """Write a family's good weights as one kind of file."""
    path = folder / f"a.{kind}"
    if kind == "pth":
        torch.save(tensors_of(name), path)
    else:
        written(tensors_of(name), path)
    return path


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_cut_files_are_refused(name: str, kind: str, tmp_path: Path) -> None:
    path = saved(name, kind, tmp_path)
    content = path.read_bytes()
    for kept in (0, 1, 7, 8, 9, 300, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:kept])
        is_refused(name, path)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_mutated_files_are_read_or_refused(name: str, kind: str, tmp_path: Path) -> None:
    dice = random.Random(name + kind)
    path = saved(name, kind, tmp_path)
    content = path.read_bytes()
    outcomes = set()
    for _ in range(40):
        mutant = bytearray(content)
        for _ in range(dice.choice((1, 1, 4))):  # half of them where the shapes stand
            mutant[dice.randrange(2000 if dice.random() < 0.5 else len(mutant))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.2:
            del mutant[dice.randrange(len(mutant)) :]
        path.write_bytes(mutant)
        try:
            load(name, path)
            outcomes.add("read")
        except WeightsError as error:
            outcomes.add("refused" if "\n" not in str(error) else "too long")
    assert "refused" in outcomes
    assert "too long" not in outcomes


def test_levels_and_rates_a_model_has_not(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = written(tensors_of(name), tmp_path / "a.safetensors")
    sound = Path(__file__).parents[2] / "examples" / "speech.wav"
    for rate in ("0.0001kbps", "999kbps", "0", "-1", "nan", "six"):
        arguments = ["encode", "-q", "--model", name, "--weights", str(weights), "-b", rate, str(sound)]
        assert run([*arguments, str(tmp_path / "out.ecdc")]) == 2, rate
        said = capsys.readouterr().err.strip()
        assert said
        assert "Traceback" not in said
        assert not (tmp_path / "out.ecdc").exists()
    entry = find(name)
    with pytest.raises(CodecError, match=f"not possible with {name}") as caught:
        entry.check_levels(entry.levels + 1)
    assert caught.value.exit_code == 2


def test_import_says_it_in_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(WRONG["another shape"][0](tensors_of(name)), tmp_path / "a.safetensors")
    assert run(["models", "import", str(path), str(tmp_path / "out.safetensors"), "--model", name]) == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert [place.name for place in tmp_path.iterdir()] == ["a.safetensors"]


def test_bfloat16_is_refused_where_no_product_would_be_in_it(name: str, tmp_path: Path) -> None:
    path = written(tensors_of(name), tmp_path / "a.safetensors")
    if name == "qwen3_tts_12hz":  # its decoder has some
        assert load(name, path, precision="bfloat16").precision == "bfloat16"
        return
    with pytest.raises(CodecError, match=f"precision bfloat16: {name} computes in float32") as caught:
        load(name, path, precision="bfloat16")
    assert caught.value.exit_code == 2

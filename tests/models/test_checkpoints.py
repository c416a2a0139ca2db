"""EnCodec checkpoints: every spelling is one model, the names are complete both ways, others are refused."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from codectool.errors import WeightsError
from codectool.models import encodec
from codectool.models.checkpoints import fold_weight_norm, read_checkpoint
from codectool.models.encodec import from_published, official_names
from codectool.models.identifying import identify
from codectool.models.loading import load
from codectool.models.registry import MODELS, find
from codectool.models.weights import weights_fingerprint
from tests.models.encodec_files import (
    OFFICIAL,
    SPELLINGS,
    Shape,
    Tensors,
    folded,
    hugging_face,
    inventory,
    parametrized,
    random_file,
)
from tests.peers.reference import is_installed, reference_package
from tests.small_models import codec_of

FACTS = os.environ.get("CODECTOOL_ENCODEC_FACTS")  # a folder with the published lists of tensors
SMALL = Shape(filters=4, ratios=(4, 2), levels=3, codebook_size=16)
NAME = "encodec_small"


@pytest.fixture(autouse=True)
def small_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a small EnCodec model known."""
    config = {"filters": 4, "ratios": (4, 2), "levels": 3, "codebook_size": 16}
    entry = replace(
        find("encodec_24khz"), name=NAME, hop_samples=8, levels=3, codebook_size=16, config=config
    )
    monkeypatch.setitem(MODELS, NAME, entry)


def write(tensors: Any, path: Path) -> Path:
    """Write tensors as the suffix of the name says."""
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_all_spellings_are_one_model(tmp_path: Path, suffix: str) -> None:
    tensors = random_file(SMALL)
    audio = torch.randn(1, 800, 1, generator=torch.Generator().manual_seed(1))
    fingerprints, latents, codes, decoded = set(), [], [], []
    for spelling, respelled in SPELLINGS.items():
        path = write(respelled(tensors), tmp_path / f"{spelling}{suffix}")
        model = load(NAME, path)
        assert identify(path).entry.name == NAME
        fingerprints |= {model.fingerprint, weights_fingerprint(path)}
        with torch.inference_mode():
            codec = codec_of(model)
            latents.append(codec.encoder(audio))
            codes.append(codec.quantizer.encode(latents[-1]))
            decoded.append(codec.decoder(codec.quantizer.decode(codes[-1])))
    assert len(fingerprints) == 1
    for found in (latents, codes, decoded):
        assert found[0].float().std() > 0
        assert all(torch.equal(found[0], other) for other in found)


def test_the_fingerprint_is_that_of_the_codebooks_in_the_order_of_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = replace(SMALL, levels=12)  # where the names sort otherwise
    small = find(NAME)
    entry = replace(small, name="encodec_12_levels", levels=12, config={**small.config, "levels": 12})
    monkeypatch.setitem(MODELS, entry.name, entry)
    tensors = random_file(shape)
    books = [tensors[f"quantizer.vq.layers.{level}._codebook.embed"] for level in range(12)]
    expected = hashlib.sha256(torch.stack(books).numpy().astype("<f4").tobytes()).digest()[:8]
    assert weights_fingerprint(write(hugging_face(tensors), tmp_path / "a.safetensors")) == expected
    assert weights_fingerprint(write(tensors, tmp_path / "a.th")) == expected


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_key_map_covers_a_file_exactly(name: str) -> None:
    with torch.device("meta"):
        official = {key: torch.empty(shape) for key, shape in inventory(OFFICIAL[name]).items()}
        expected = shapes(encodec.build(encodec.Config(**find(name).config)).state_dict())
        for respelled in (dict, parametrized, hugging_face):
            plain = fold_weight_norm(respelled(official), Path(name))
            assert shapes(from_published(plain)) == expected
    levels = OFFICIAL[name].levels
    normed = sum(key.endswith("weight_g") for key in official)
    assert len(official) == len(plain) + normed
    # of a codebook, three are for training; and no two become one, but the codebooks
    assert len(plain) == len(expected) - 1 + levels + 3 * levels
    assert find(name).parameters == sum(math.prod(shape) for shape in expected.values())


def shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in tensors.items()}


@pytest.mark.parametrize("name", OFFICIAL)
def test_names_of_hugging_face_are_told_apart(name: str) -> None:
    official = inventory(OFFICIAL[name])
    assert official_names(hugging_face({key: key for key in official})).items() == {  # type: ignore[arg-type]
        (other, key)
        for other, key in hugging_face({key: key for key in official}).items()  # type: ignore[arg-type]
    }
    assert official_names(official) == {key: key for key in official}


@pytest.mark.skipif(FACTS is None, reason="CODECTOOL_ENCODEC_FACTS names no folder of published lists")
@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz"])
def test_the_published_lists_are_ours(name: str) -> None:
    lines = (Path(str(FACTS)) / f"{name}.inventory.txt").read_text().split()
    published = {tuple(line.split("|")) for line in lines}
    assert len(published) == len(lines)
    assert published == {
        (key, "F32", "x".join(map(str, shape))) for key, shape in inventory(OFFICIAL[name]).items()
    }


@pytest.mark.skipif(not is_installed(), reason="the published code is not installed")
@pytest.mark.parametrize("name", ["encodec_24khz", "encodec_48khz"])
def test_the_published_code_has_these_tensors_and_computes_these_weights(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses torch's older form of weight norm
        reference = getattr(reference_package().EncodecModel, name.replace("_", "_model_"))(pretrained=False)
        state = reference.state_dict()
        assert {key: tuple(value.shape) for key, value in state.items()} == inventory(OFFICIAL[name])
        tensors, _ = read_checkpoint(write(state, tmp_path / "a.th"))
        for module in reference.modules():
            if hasattr(module, "weight_g"):
                module.weight_g.data.mul_(1.7)
                module.weight_v.data.mul_(0.3)
        ours = fold_weight_norm(reference.state_dict(), Path(name))
        for module in reference.modules():
            if hasattr(module, "weight_g"):
                torch.nn.utils.remove_weight_norm(module)
    theirs = reference.state_dict()
    assert ours.keys() == theirs.keys() == tensors.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_audiocraft_files_have_the_tensors_one_level_down(tmp_path: Path) -> None:
    tensors = random_file(SMALL)
    nested = {"best_state": tensors, "xp.cfg": "seanet: {n_filters: 4}", "version": "1.0"}
    path = write(nested, tmp_path / "compression_state_dict.bin")
    assert load(NAME, path).fingerprint == load(NAME, write(tensors, tmp_path / "a.th")).fingerprint


@pytest.mark.filterwarnings("ignore:.*legacy")
def test_files_of_torch_before_1_6_are_read(tmp_path: Path) -> None:
    tensors = random_file(SMALL)
    path = tmp_path / "a.th"
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    found, _ = read_checkpoint(path)
    expected = fold_weight_norm(tensors, path)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_brought_to_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {key: value.to(dtype) for key, value in folded(random_file(SMALL)).items()}
    for suffix in (".th", ".safetensors"):
        found, _ = read_checkpoint(write(tensors, tmp_path / f"a{suffix}"))
        assert {value.dtype for value in found.values()} == {torch.float32}
        assert all(torch.equal(found[key], tensors[key].float()) for key in found)
        assert weights_fingerprint(tmp_path / f"a{suffix}") == load(NAME, tmp_path / f"a{suffix}").fingerprint


class Shouting:
    """What runs a command when it is unpickled without care."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch was_run",)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_nothing_that_a_file_asks_for_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile.th"
    if protocol == "torch":
        torch.save({**random_file(SMALL), "extra": Shouting()}, path)
    else:
        path.write_bytes(pickle.dumps({"extra": Shouting()}, protocol=2))
    for read in (read_checkpoint, identify, weights_fingerprint, lambda path: load(NAME, path)):
        with pytest.raises(WeightsError, match=r"hostile\.th: is damaged, or holds more than tensors"):
            read(path)
    assert list(tmp_path.iterdir()) == [path]


def without(end: str) -> Callable[[Tensors], Any]:
    return lambda tensors: {key: value for key, value in tensors.items() if not key.endswith(end)}


def changed(key: str, value: Any) -> Callable[[Tensors], Any]:
    return lambda tensors: {**tensors, key: value}


FIRST = "encoder.model.0.conv.conv"
BOOK = "quantizer.vq.layers.{}._codebook.embed"
WRONG: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "a tensor missing": (without(f"{FIRST}.bias"), "1 tensors differ, the first is encoder.parts.0."),
    "a magnitude missing": (without(f"{FIRST}.weight_g"), "tensors differ"),
    "a direction missing": (without(f"{FIRST}.weight_v"), "tensors differ"),
    "a codebook missing": (without(BOOK.format(1)), "a codebook is missing, for its last is"),
    "the last codebook missing": (
        without(BOOK.format(2)),
        "the first is quantizer.codebooks",
    ),
    "all codebooks missing": (without("embed"), "tensors differ"),
    "a codebook of another size": (changed(BOOK.format(1), torch.zeros(16, 5)), "not all of one size"),
    "a codebook of no size": (changed(BOOK.format(1), torch.zeros(())), "not all of one size"),
    "a surplus tensor": (changed("surplus", torch.zeros(1)), r"surplus \(expected None, found \(1,\)\)"),
    "a surplus level": (changed(BOOK.format(3), torch.zeros(16, 128)), "tensors differ"),
    "another shape": (changed(f"{FIRST}.bias", torch.zeros(5)), r"found \(5,\)"),
    "a magnitude of another shape": (changed(f"{FIRST}.weight_g", torch.zeros(3, 1, 1)), "do not fit"),
    "a direction that is a number": (changed(f"{FIRST}.weight_v", torch.zeros(())), "do not fit"),
    "a weight beside its norm": (changed(f"{FIRST}.weight", torch.zeros(4, 1, 7)), "do not fit"),
    "a tensor twice": (changed("encoder.layers.0.conv.bias", torch.zeros(4)), "twice"),
    "not a number": (changed(f"{FIRST}.bias", torch.full((4,), float("nan"))), "not finite"),
    "too large for float32": (
        changed(f"{FIRST}.bias", torch.tensor([1e300] * 4).double()),
        "not finite",
    ),
    "no direction": (changed(f"{FIRST}.weight_v", torch.zeros(4, 1, 7)), "not finite"),
    "whole numbers": (changed(f"{FIRST}.bias", torch.zeros(4, dtype=torch.int64)), "holds int64"),
    "complex numbers": (changed(f"{FIRST}.bias", torch.zeros(4, dtype=torch.complex64)), "holds complex64"),
    "nothing": (lambda _: {}, "holds no tensors|tensors differ"),
}
WRONG_PICKLES: dict[str, tuple[Callable[[Tensors], Any], str]] = {
    "a list": (lambda tensors: list(tensors.values()), "holds no tensors by name"),
    "a tensor": (lambda tensors: tensors[BOOK.format(0)], "holds no tensors by name"),
    "names that are numbers": (changed(3, torch.zeros(1)), "3 is not the name of"),  # type: ignore[arg-type]
    "a text for a tensor": (changed(FIRST, "text"), "is not the name of a plain tensor"),
    "few numbers, claimed to be many": (
        changed(f"{FIRST}.bias", torch.zeros(1).expand(1 << 40)),
        "is not the name of a plain tensor",
    ),
    "a sparse tensor": (changed(FIRST, torch.zeros(3).to_sparse()), "is not the name of a plain tensor"),
    "a tensor without numbers": (changed(FIRST, torch.zeros(3, device="meta")), "tensors differ"),
}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(kind, ".th") for kind in WRONG | WRONG_PICKLES] + [(kind, ".safetensors") for kind in WRONG],
)
def test_what_is_not_a_checkpoint_is_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    change, said = (WRONG | WRONG_PICKLES)[kind]
    path = write(change(random_file(SMALL)), tmp_path / f"wrong{suffix}")
    for read in (identify, lambda path: load(NAME, path)):
        with pytest.raises(WeightsError, match=said) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 1, 3, 4, 8, 100, -1, -200])
def test_cut_files_are_refused(tmp_path: Path, suffix: str, kept: int) -> None:
    path = write(random_file(SMALL), tmp_path / f"cut{suffix}")
    path.write_bytes(path.read_bytes()[:kept])
    for read in (read_checkpoint, identify, weights_fingerprint):
        with pytest.raises(WeightsError, match="cut"):
            read(path)


def test_checkpoints_of_others_are_refused(tmp_path: Path) -> None:
    path = write(random_file(replace(SMALL, levels=2)), tmp_path / "other.th")
    with pytest.raises(WeightsError, match=f"not weights of a known model; from those of {NAME} 1 tensors"):
        identify(path)
    with pytest.raises(WeightsError, match=r"another model, name that model"):
        load("base_24khz", path)
    with pytest.raises(WeightsError, match=r"there is no such|cannot be read"):
        identify(tmp_path / "absent.th")

"""Getting the weights of a model: from a server of our own, or converted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save

from codectool.models import graph_families
from codectool.models.loading import load
from codectool.models.registry import MODELS, Download, ModelEntry, find
from codectool.models.search import WEIGHTS_VARIABLE
from codectool.models.weights import weights_fingerprint
from tests.cli.conftest import Ran
from tests.models.encodec_files import Shape, parametrized, random_file
from tests.models.web import Site, served

Codec = Callable[..., Ran]
NAME = "encodec_small"
WIDTH = 80
USAGE, FILE, WEIGHTS = 2, 4, 5


@pytest.fixture
def checkpoint(codec: Codec, cache: Path) -> Path:
    """A published checkpoint of a small model."""
    shape = Shape(filters=4, ratios=(4, 2), levels=3, codebook_size=16)
    torch.save(random_file(shape), "small.th")
    return Path("small.th")


@pytest.fixture
def site(checkpoint: Path) -> Iterator[Site]:
    """Where it can be downloaded."""
    with served(Site(checkpoint.read_bytes())) as site:
        yield site


@pytest.fixture
def entry(site: Site, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """The small model, as the registry knows it."""
    config = {"filters": 4, "ratios": (4, 2), "levels": 3, "codebook_size": 16}
    sha256 = hashlib.sha256(site.content).hexdigest()
    entry = replace(
        find("encodec_24khz"),
        name=NAME,
        hop_samples=8,
        levels=3,
        codebook_size=16,
        weights_file=f"{NAME}.safetensors",
        config=config,
        download=Download(site.url, len(site.content), sha256),
    )
    monkeypatch.setitem(MODELS, NAME, entry)
    return entry


def test_fetched_weights_are_found_by_name(codec: Codec, cache: Path, entry: ModelEntry) -> None:
    ran = codec("models", "fetch", NAME)
    stored = cache / f"{NAME}.safetensors"
    assert ran.code == 0
    assert ran.stdout == b""
    fingerprint = load(NAME).fingerprint
    assert load(NAME).weights_path == stored
    assert ran.stderr.splitlines() == [
        f"codec: {stored}: weights {fingerprint.hex()} of {NAME}",
        f"codec: licence of the weights: {entry.licence}",
    ]
    assert fingerprint == weights_fingerprint(Path("small.th"))
    assert list(cache.iterdir()) == [stored]
    with safe_open(stored, framework="numpy") as file:
        assert not any("weight_" in key for key in file.keys() if "lstm" not in key)  # noqa: SIM118
        metadata = file.metadata()
    assert entry.download is not None
    assert (metadata["model"], metadata["licence"]) == (NAME, entry.licence)
    assert metadata["source_sha256"] == entry.download.sha256
    shown = {facts["name"]: facts for facts in map(json.loads, codec("models", "--json").stdout.splitlines())}
    assert shown[NAME]["weights"] == str(stored)


def test_they_are_fetched_once(codec: Codec, cache: Path, site: Site, entry: ModelEntry) -> None:
    codec("models", "fetch", NAME)
    again = codec("models", "fetch", NAME)
    assert again.code == 0
    assert "they were here already" in again.stderr
    assert len(site.asked) == 1
    assert codec("models", "fetch", NAME, "-f", "-q").stderr == ""
    assert len(site.asked) == 2
    (cache / f"{NAME}.safetensors").write_text("damaged")
    assert codec("models", "fetch", NAME).code == 0
    assert len(site.asked) == 3
    assert weights_fingerprint(cache / f"{NAME}.safetensors") == weights_fingerprint(Path("small.th"))


def test_a_download_that_broke_off_goes_on(codec: Codec, cache: Path, site: Site, entry: ModelEntry) -> None:
    site.breaks_after = 5000
    broken = codec("models", "fetch", NAME)
    assert broken.code == FILE
    assert "broke off after 5000 of" in broken.complaint()
    assert [path.name for path in cache.iterdir()] == [".weights.th.part"]
    site.breaks_after = None
    assert codec("models", "fetch", NAME).code == 0
    assert site.asked == [None, "bytes=5000-"]
    assert [path.name for path in cache.iterdir()] == [f"{NAME}.safetensors"]


def test_a_mirror_serves_models_of_one_file_and_of_several(
    codec: Codec, cache: Path, site: Site, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = hashlib.sha256(site.content).hexdigest()
    elsewhere = Download("http://127.0.0.1:1/away/weights.th", len(site.content), sha256)
    several = replace(find("lyra_v2"), parts=(elsewhere,))
    monkeypatch.setitem(MODELS, NAME, replace(entry, download=elsewhere))
    monkeypatch.setitem(MODELS, several.name, several)
    content = save({"quantizer.codebooks": torch.zeros(1, 2, 3)})
    monkeypatch.setattr(graph_families, "packed", lambda *_: content)
    for name in (NAME, several.name):
        ran = codec("models", "fetch", name, "--mirror", site.url.removesuffix("weights.th"))
        assert ran.code == 0, ran.stderr
    assert (cache / several.weights_file).read_bytes() == content
    assert site.asked == [None, None]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"status": 404}, WEIGHTS, "not there any more (404"),
        ({"status": 500}, FILE, "the server answered 500"),
        ({"content": b"?"}, WEIGHTS, "not the published file"),
    ],
)
def test_what_cannot_be_fetched(
    codec: Codec, cache: Path, site: Site, entry: ModelEntry, change: dict[str, object], code: int, said: str
) -> None:
    for name, value in change.items():
        setattr(site, name, value)
    ran = codec("models", "fetch", NAME)
    assert ran.code == code
    assert said in ran.complaint()
    assert not (cache / f"{NAME}.safetensors").exists()


def test_a_wrong_hash_is_never_stored(codec: Codec, cache: Path, site: Site, entry: ModelEntry) -> None:
    site.content = site.content[:-1] + b"?"
    ran = codec("models", "fetch", NAME)
    assert ran.code == WEIGHTS
    assert "its sha256 is" in ran.complaint()
    assert not (cache / f"{NAME}.safetensors").exists()


def test_half_a_hash_is_told(
    codec: Codec, site: Site, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert entry.download is not None
    sha256 = entry.download.sha256
    shortened = replace(entry.download, sha256=sha256[:8])
    monkeypatch.setitem(MODELS, NAME, replace(entry, download=shortened))
    ran = codec("models", "fetch", NAME)
    assert ran.code == 0
    assert f"only the beginning of their sha256 is published, {sha256[:8]}" in ran.stderr
    assert f"all of it is {sha256}" in ran.stderr


def test_offline(codec: Codec, entry: ModelEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Download("http://127.0.0.1:1/weights.th", 1, "")
    monkeypatch.setitem(MODELS, NAME, replace(entry, download=nowhere))
    ran = codec("models", "fetch", NAME)
    assert ran.code == FILE
    assert "cannot be reached" in ran.complaint()
    assert "--weights FILE" in ran.complaint()


def test_what_has_no_download(codec: Codec, cache: Path) -> None:
    ran = codec("models", "fetch", "encodec_32khz")
    assert ran.code == WEIGHTS
    assert "huggingface.co/facebook/encodec_32khz" in ran.complaint()
    shipped = codec("models", "fetch", "base_24khz")
    assert shipped.code == 0
    assert "they were here already" in shipped.stderr
    assert codec("models", "fetch", "nobody").code == USAGE


def test_an_imported_checkpoint_is_found_by_name(
    codec: Codec, cache: Path, checkpoint: Path, entry: ModelEntry
) -> None:
    torch.save(parametrized(torch.load(checkpoint, weights_only=True)), "other.th")
    ran = codec("models", "import", "other.th")
    assert ran.code == 0
    stored = cache / f"{NAME}.safetensors"
    fingerprint = weights_fingerprint(checkpoint).hex()
    assert ran.stderr.splitlines() == [
        f"codec: {stored}: weights {fingerprint} of {NAME}",
        f"codec: licence of the weights: {entry.licence}",
    ]
    assert load(NAME).fingerprint.hex() == fingerprint
    assert codec("models", "import", checkpoint, "named.safetensors").code == 0
    assert weights_fingerprint(Path("named.safetensors")).hex() == fingerprint
    imported_again = codec("models", "import", "named.safetensors", "again.safetensors")
    assert imported_again.code == 0
    assert load(NAME, Path("again.safetensors")).fingerprint.hex() == fingerprint


def test_checkpoints_are_taken_as_they_are(
    codec: Codec,
    checkpoint: Path,
    entry: ModelEntry,
    write_wav: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recording, options = write_wav(samples=5000), ("--model", NAME, "--levels", "3", "-q")
    assert codec("encode", recording, "named.ecdc", *options, "--weights", checkpoint).code == 0
    assert codec("decode", "named.ecdc", "named.wav", "-q", "--weights", checkpoint).code == 0
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(checkpoint))
    assert codec("encode", recording, "environment.ecdc", *options).code == 0
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    assert codec("decode", "named.ecdc", "missing.wav").code == WEIGHTS
    codec("models", "import", checkpoint)
    assert codec("encode", recording, "imported.ecdc", *options).code == 0
    assert codec("decode", "named.ecdc", "imported.wav", "-q").code == 0
    coded = Path("named.ecdc").read_bytes()
    assert coded == Path("environment.ecdc").read_bytes() == Path("imported.ecdc").read_bytes()
    assert Path("named.wav").read_bytes() == Path("imported.wav").read_bytes()


def test_a_checkpoint_without_its_model_is_refused(
    codec: Codec, checkpoint: Path, write_wav: Callable[..., Path]
) -> None:
    ran = codec("encode", write_wav(samples=1000), "out.ecdc", "--weights", checkpoint)
    assert ran.code == WEIGHTS
    assert "if it is a checkpoint of another model, name that model" in ran.complaint()


def test_an_import_overwrites_only_when_told(codec: Codec, checkpoint: Path, entry: ModelEntry) -> None:
    Path("there").write_text("mine")
    refused = codec("models", "import", checkpoint, "there")
    assert refused.code == FILE
    assert "there: exists already; use -f" in refused.complaint()
    assert Path("there").read_text() == "mine"
    assert codec("models", "import", checkpoint, "there", "-f").code == 0
    assert codec("models", "import", checkpoint).code == 0
    assert codec("models", "import", checkpoint).code == FILE


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("text.th", WEIGHTS, "text.th: not a readable safetensors file"),
        ("absent.th", FILE, "absent.th: there is no such file"),
        (".", FILE, ".: is a folder"),
    ],
)
def test_what_cannot_be_imported(codec: Codec, cache: Path, source: str, code: int, said: str) -> None:
    Path("text.th").write_text("not weights")
    ran = codec("models", "import", source)
    assert ran.code == code
    assert said in ran.complaint()
    assert not cache.exists()


def test_weights_that_are_missing_say_how_to_get_them(
    codec: Codec, cache: Path, write_wav: Callable[..., Path]
) -> None:
    ran = codec("encode", write_wav(samples=1000), "out.ecdc", "--model", "encodec_24khz")
    assert ran.code == WEIGHTS
    assert "`codec models fetch encodec_24khz`" in ran.complaint()
    assert not Path("out.ecdc").exists()

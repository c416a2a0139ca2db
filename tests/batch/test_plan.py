"""Which files become which, and what is refused before any work starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codectool.batch import BatchJob, plan, planning
from codectool.errors import FileError, UsageError
from codectool.pipeline import DecodeJob, EncodeJob
from tests.batch.conftest import touch

pytestmark = pytest.mark.usefixtures("folder")


def encode_job(source: str = "in", target: str = "out", **options: Any) -> BatchJob:
    """Return a job that encodes a folder."""
    return BatchJob(EncodeJob(source, target), **options)


def planned(job: BatchJob) -> dict[str, str]:
    """Return outputs by inputs."""
    return {Path(item.source).as_posix(): Path(item.target).as_posix() for item in plan(job).items}


def test_the_tree_is_mirrored() -> None:
    touch("in/b.wav", "in/sub/deep/a.flac", "in/sub/c.MP3", "in/notes.txt", "in/d.ecdc")
    assert planned(encode_job(recursive=True)) == {
        "in/b.wav": "out/b.ecdc",
        "in/sub/c.MP3": "out/sub/c.ecdc",
        "in/sub/deep/a.flac": "out/sub/deep/a.ecdc",
    }
    assert planned(encode_job()) == {"in/b.wav": "out/b.ecdc"}
    assert not Path("out").exists()


def test_decoding_takes_coded_files_only() -> None:
    touch("in/a.ecdc", "in/b.wav", "in/sub/c.ecdc")
    job = BatchJob(DecodeJob("in", "out"), suffix=".flac", recursive=True)
    assert planned(job) == {"in/a.ecdc": "out/a.flac", "in/sub/c.ecdc": "out/sub/c.flac"}


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        (["*.flac"], ["sub/b.flac"]),
        (["sub/*"], ["sub/b.flac", "sub/c.xyz"]),
        (["*.xyz", "a.*"], ["a.wav", "sub/c.xyz"]),
        (["?.wav"], ["a.wav"]),
    ],
)
def test_include(globs: list[str], names: list[str]) -> None:
    touch("in/a.wav", "in/sub/b.flac", "in/sub/c.xyz")
    job = encode_job(recursive=True, include=tuple(globs))
    assert list(planned(job)) == [f"in/{name}" for name in names]


def test_hidden_and_unfinished_files_are_no_inputs() -> None:
    touch("in/a.wav", "in/.b.wav", "in/.c.wav.part", "in/.hidden/d.wav", "in/._a.wav")
    assert list(planned(encode_job(recursive=True))) == ["in/a.wav"]
    assert list(planned(encode_job(recursive=True, include=("*",)))) == ["in/a.wav"]


def test_dots_in_names_stay() -> None:
    touch("in/take.1.wav", "in/take.2.wav")
    assert list(planned(encode_job()).values()) == ["out/take.1.ecdc", "out/take.2.ecdc"]


def test_outputs_within_the_inputs_are_no_inputs() -> None:
    touch("in/a.ecdc", "in/back/b.ecdc", "in/other/back/c.ecdc")
    job = BatchJob(DecodeJob("in", "in/back"), suffix=".wav", recursive=True)
    assert planned(job) == {
        "in/a.ecdc": "in/back/a.wav",
        "in/other/back/c.ecdc": "in/back/other/back/c.wav",
    }


def test_two_files_that_would_become_one_are_refused() -> None:
    touch("in/a.wav", "in/sub/b.wav", "in/sub/b.flac")
    touch("in/c.wav")
    made = plan(encode_job(recursive=True))
    assert [Path(name).name for name, _ in made.refused] == ["b.flac", "b.wav"]
    flac, wav, coded = (Path("sub", f"b.{suffix}") for suffix in ("flac", "wav", "ecdc"))
    words = f"{flac} and {wav} would both become {coded}: see `keep_suffix`"
    assert {str(error) for _, error in made.refused} == {words}
    assert [Path(item.source).name for item in made.items] == ["a.wav", "c.wav"]
    kept = planned(encode_job(recursive=True, keep_suffix=True))
    assert {Path(name).name: Path(target).name for name, target in kept.items()}["b.flac"] == "b.flac.ecdc"
    assert list(planned(encode_job(recursive=True, include=("*.wav",)))) == [
        "in/a.wav",
        "in/c.wav",
        "in/sub/b.wav",
    ]


def test_names_that_differ_by_case(monkeypatch: pytest.MonkeyPatch) -> None:
    job = encode_job(files=("a.wav", "A.flac"))
    monkeypatch.setattr(planning, "CASE_IS_ONE", False)
    touch("in/a.wav", "in/A.flac")
    assert len(planned(job)) == 2
    monkeypatch.setattr(planning, "CASE_IS_ONE", True)
    made = plan(job)
    assert (made.items, len(made.refused)) == ((), 2)
    assert "a.wav and A.flac would both become" in str(made.refused[0][1])


def test_an_output_that_is_another_ones_folder_is_refused() -> None:
    touch("in/a.wav", "in/a.ecdc/b.wav")
    with pytest.raises(UsageError, match=r"a\.wav would become a\.ecdc, which is a folder for"):
        plan(encode_job(recursive=True))


def test_a_list_says_which_and_in_what_order() -> None:
    touch("in/a.wav", "in/b.xyz", "in/sub/c.wav")
    names = ("sub/c.wav", os.path.abspath("in/b.xyz"), "./sub/../a.wav", "a.wav", "absent.wav")  # noqa: PTH100
    assert planned(encode_job(files=names)) == {
        "in/sub/c.wav": "out/sub/c.ecdc",
        "in/b.xyz": "out/b.ecdc",
        "in/a.wav": "out/a.ecdc",
        "in/absent.wav": "out/absent.ecdc",  # fails by itself, the others are done
    }
    assert planned(encode_job(files=())) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../other/a.wav", "not a file within in"),
        ("/", "not a file within in"),
        (".", "not a file within in"),
        (".hidden/a.wav", "hidden files are never inputs"),
        ("sub/.a.ecdc.part", "hidden files are never inputs"),
        ("out/a.wav", "lies among the outputs"),
    ],
)
def test_lists_that_are_refused(name: str, words: str) -> None:
    touch("in/a.wav", "other/a.wav", "in/out/a.wav")
    with pytest.raises(UsageError, match=words):
        plan(encode_job(target="in/out", files=("a.wav", name)))


@pytest.mark.parametrize(
    ("source", "target", "options", "words"),
    [
        ("empty", "out", {}, "empty: holds no audio files"),
        ("in", "out", {"include": ("*.mp3",)}, r"holds no file like \*\.mp3"),
        ("in", "out", {"include": ("",)}, "is no name"),
        ("in", "in", {}, "is the folder of the inputs"),
        ("in", "in/../in", {}, "is the folder of the inputs"),
        ("in", "link", {}, "is the folder of the inputs"),
    ],
)
def test_jobs_that_are_refused(source: str, target: str, options: dict[str, Any], words: str) -> None:
    touch("in/a.wav", "in/sub/b.wav")
    Path("empty").mkdir()
    Path("link").symlink_to("in")
    with pytest.raises(UsageError, match=words):
        plan(encode_job(source, target, **options))


@pytest.mark.parametrize(("source", "target"), [("absent", "out"), ("in/a.wav", "out"), ("in", "in/a.wav")])
def test_what_is_no_folder_is_refused(source: str, target: str) -> None:
    touch("in/a.wav")
    with pytest.raises(FileError, match=r"(absent|a\.wav): is not a folder"):
        plan(encode_job(source, target))


def test_impossible_rates_and_formats_are_refused() -> None:
    touch("in/a.wav", "in/b.ecdc")
    with pytest.raises(UsageError, match="25 kbps is not possible"):
        plan(BatchJob(EncodeJob("in", "out", rate_bps=25_000)))
    with pytest.raises(UsageError, match="cannot be kept apart"):
        plan(BatchJob(EncodeJob("in", "out", model="base_48khz", keep_channels=True)))
    with pytest.raises(UsageError, match="33 levels are not possible"):
        plan(BatchJob(EncodeJob("in", "out", levels=33, keep_channels=True)))
    with pytest.raises(UsageError, match="no model is called"):
        plan(BatchJob(EncodeJob("in", "out", model="nobody")))
    with pytest.raises(UsageError, match="no format is known"):
        plan(BatchJob(DecodeJob("in", "out"), suffix=".xyz"))
    with pytest.raises(UsageError, match="FLAC cannot hold that"):
        plan(BatchJob(DecodeJob("in", "out", subtype="FLOAT"), suffix=".flac"))


def test_outputs_that_a_link_leads_elsewhere_are_refused() -> None:
    touch("in/sub/a.wav", "in/b.wav", "elsewhere/b.ecdc", "out/kept/c.ecdc")
    job = encode_job(recursive=True)
    Path("out/sub").symlink_to("kept")  # within the outputs
    assert len(planned(job)) == 2
    Path("out/sub").unlink()
    Path("out/sub").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match="sub: is a link that leads out of out"):
        plan(job)
    Path("out/sub").unlink()
    Path("out/b.ecdc").symlink_to("../elsewhere/b.ecdc")
    with pytest.raises(UsageError, match=r"b\.ecdc: is a link that leads out of out"):
        plan(job)


def test_an_output_that_is_an_input_is_refused() -> None:
    touch("music/in/in/a.wav", "music/in/a.wav")
    job = encode_job("music/in", "music", recursive=True, include=("*.wav",), suffix=".wav")
    with pytest.raises(UsageError, match=r"a\.wav: would be an output, but is an input"):
        plan(job)


def test_links_to_folders_are_not_followed() -> None:
    touch("in/a.wav", "elsewhere/b.wav")
    Path("in/round").symlink_to("../in")
    Path("in/link.wav").symlink_to("../elsewhere/b.wav")
    Path("in/broken.wav").symlink_to("absent")
    assert list(planned(encode_job(recursive=True))) == ["in/a.wav", "in/link.wav"]


def test_folders_that_cannot_be_searched_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.wav", "in/shut/b.wav")
    scan = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    made = plan(encode_job(recursive=True))
    assert [item.source for item in made.items] == [str(Path("in/a.wav"))]
    ((folder, error),) = made.refused
    assert folder == str(Path("in/shut"))
    assert "in/shut: cannot be searched: Permission denied" in str(error)

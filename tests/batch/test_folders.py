"""Folders by the command line, with real workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from codectool.__main__ import run
from codectool.models.search import WEIGHTS_VARIABLE
from tests.batch.conftest import RATE_HZ, ROOT, Codec, touch, write_noise

NOTHING_DONE = "files: 0 done, 0 skipped, 0 failed"


def tree(folder: str) -> dict[str, bytes]:
    """Return all files in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    ("options", "workers"), [((), 7), (("--device", "cuda:1"), 1), (("--device", "cuda", "--jobs", "3"), 3)]
)
def test_a_gpu_holds_one_model_unless_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], workers: int
) -> None:
    touch("in/a.wav")
    asked: list[int] = []
    monkeypatch.setattr("codectool.cli.folders.usable_cores", lambda: 7)
    monkeypatch.setattr("codectool.batch.run", lambda job, *_: asked.append(job.workers))
    assert run(["encode", "in", "out", "-q", *options]) == 0
    assert asked == [workers]


def test_workers_do_not_run_the_program_that_starts_them(folder: Path, small_weights: Path) -> None:
    write_noise(Path("in/a.wav"))
    Path("program.py").write_text(
        "print('begun')\nfrom codectool.__main__ import run\nrun(['encode', 'in', 'out', '--jobs', '2'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), WEIGHTS_VARIABLE: str(small_weights)}
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "begun\n"
    assert "1 done, 0 skipped, 0 failed" in done.stderr


def test_there_and_back(codec: Codec) -> None:
    for seed, name in enumerate(["a.wav", "b.flac", "sub/c.wav"]):
        write_noise(Path("in", name), RATE_HZ + seed, seed)
    touch("in/broken.wav")
    code, stdout, stderr = codec("encode", "in", "out", "-r", "--jobs", "2", "--report", "report.jsonl")
    assert (code, stdout) == (1, "")
    broken, summary = stderr.splitlines()
    assert broken == "codec: in/broken.wav: is empty"
    assert summary.startswith("codec: files: 3 done, 0 skipped, 1 failed; 3.0 s of audio")
    lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
    assert {line["path"]: (line["status"], line["error"]) for line in lines} == {
        "in/a.wav": ("done", None),
        "in/b.flac": ("done", None),
        "in/broken.wav": ("failed", "in/broken.wav: is empty"),
        "in/sub/c.wav": ("done", None),
    }

    assert codec("encode", "in/sub/c.wav", "alone.ecdc")[0] == 0
    made = tree("out")
    assert sorted(made) == ["a.ecdc", "b.ecdc", "sub/c.ecdc"]
    assert made["sub/c.ecdc"] == Path("alone.ecdc").read_bytes()

    Path("in/broken.wav").unlink()
    touch("out/.a.ecdc.part")  # as a run leaves that was killed
    code, _, stderr = codec("encode", "in", "out", "-r")  # starts no worker
    assert (code, stderr) == (0, "codec: files: 0 done, 3 skipped, 0 failed\n")
    assert tree("out") == made
    code, _, stderr = codec("encode", "in", "out", "-r", "-b", "3k", "-q")
    assert code == 1
    assert len(stderr.splitlines()) == 3
    assert "out/a.ecdc: exists already, but has levels 8, not 4; use -f" in stderr
    assert tree("out") == made

    code, _, stderr = codec("decode", "out", "back", "-r", "--to", "flac", "--jobs", "1", "-q")
    assert (code, stderr) == (0, "")
    assert sorted(tree("back")) == ["a.flac", "b.flac", "sub/c.flac"]
    assert soundfile.info("back/sub/c.flac").frames == RATE_HZ + 2
    code, _, stderr = codec("decode", "out", "back", "-r", "--to", ".flac")
    assert (code, stderr) == (0, "codec: files: 0 done, 3 skipped, 0 failed\n")


def test_a_dry_run_does_nothing(codec: Codec) -> None:
    write_noise(Path("in/a.wav"))
    touch("in/sub/b.wav", "out/a.ecdc")
    code, stdout, stderr = codec("encode", "in", "out", "-r", "--dry-run", "--skip-existing")
    assert code == 0
    assert stdout == "skipped: in/a.wav -> out/a.ecdc\nplanned: in/sub/b.wav -> out/sub/b.ecdc\n"
    assert stderr == "codec: files: 0 done, 1 skipped, 1 planned, 0 failed\n"
    assert sorted(tree("out")) == ["a.ecdc"]
    code, stdout, _ = codec("encode", "in", "out", "--dry-run", "--report", "-")
    assert code == 1
    assert "is not an .ecdc file" in json.loads(stdout)["error"]


def test_lists_from_a_file_and_from_stdin(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.wav", "in/b.wav", "in/c.wav")
    Path("list").write_bytes(b"b.wav\r\n\n  \na.wav")
    expected = "planned: in/b.wav -> out/b.ecdc\nplanned: in/a.wav -> out/a.ecdc\n"
    assert codec("encode", "in", "out", "--dry-run", "--files-from", "list")[1] == expected
    with Path("list").open() as listed:
        monkeypatch.setattr(sys, "stdin", listed)
        assert codec("encode", "in", "out", "--dry-run", "--files-from", "-")[1] == expected
    Path("list").write_bytes(b"")
    assert codec("encode", "in", "out", "--files-from", "list") == (0, "", f"codec: {NOTHING_DONE}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("encode in", 2, "in: is a folder; name another one for the outputs"),
        ("decode in", 2, "in: is a folder; name another one for the outputs"),
        ("encode in -", 2, "many outputs cannot go to stdout"),
        ("encode in/a.wav out.ecdc --json --report -", 2, "--report is for folders"),
        ("encode in out --include *.wav --files-from list", 2, "--files-from says which files"),
        ("encode in out --include *.wav --jobs 0", 2, "--jobs"),
        ("encode in out --include *.wav --weights absent", 5, "give them with --weights FILE"),
        ("encode in out --include *.wav --report absent/report", 4, "absent/report: cannot be written"),
        ("encode in in/a.wav/out --include *.wav", 4, "in/a.wav/out: cannot be made"),
        ("encode in out --files-from absent", 4, "absent: there is no such file"),
        (
            "encode in/a.wav out.ecdc -r",
            2,
            "--recursive is for folders and several inputs, but in/a.wav is not one",
        ),
        ("encode in/a.wav out.ecdc --files-from list", 2, "--files-from is for folders and several"),
        ("decode in/a.wav out.wav --to flac", 2, "--to flac, but out.wav ends otherwise"),
        ("decode in out --to xyz", 2, "no format is known by this suffix"),
    ],
)
def test_refusals(codec: Codec, arguments: str, code: int, words: str) -> None:
    touch("in/a.wav", "in/a.flac")
    before = tree(".")
    found, stdout, stderr = codec(*arguments.split())
    (line,) = stderr.splitlines()
    assert words in line
    assert (found, stdout) == (code, "")
    assert tree(".") == before
    assert not Path("out").exists()


def test_lists_with_zero_bytes_are_refused(codec: Codec) -> None:
    touch("in/a.wav")
    Path("list").write_bytes(b"a.wav\0b.wav\0")
    code, _, stderr = codec("encode", "in", "out", "--files-from", "list")
    assert (code, stderr) == (
        2,
        "codec: --files-from list: holds zero bytes; say --null, or write a name a line, in UTF-8\n",
    )


def test_a_terminal_gets_a_bar(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.wav", "out/a.ecdc")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    arguments = ["encode", "in", "out", "--skip-existing"]
    assert "0 of 1 files" in codec(*arguments)[2]
    assert codec(*arguments, "-q")[2] == ""


def test_a_dry_run_loads_no_torch(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise(Path("in/a.wav"))
    for name in [name for name in sys.modules if name.split(".")[0] == "torch"]:
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    assert run(["encode", "in", "out", "--dry-run", "-q"]) == 0

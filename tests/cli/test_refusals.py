"""What cannot be done is said in one line, with the documented exit code, and leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool import pipeline
from tests.cli.conftest import Ran
from tests.small_models import noise_codec, write_incomplete_weights

Codec = Callable[..., Ran]
USAGE, DATA, FILE, WEIGHTS = 2, 3, 4, 5

REFUSALS: list[tuple[str, int, str]] = [
    # input that is not there, or not audio
    ("encode absent.wav out.ecdc", FILE, "absent.wav: there is no such file"),
    ("encode folder out.ecdc", USAGE, "folder: holds no audio files"),
    ("encode .", USAGE, ".: is a folder; name another"),
    ("encode text.wav out.ecdc", DATA, "text.wav: is not audio"),
    ("encode empty.wav out.ecdc", DATA, "empty.wav: is empty"),
    ("encode empty.raw out.ecdc --raw s16le --rate 8000 --channels 1", DATA, "empty.raw: is empty"),
    ("encode cut_head.wav out.ecdc", DATA, "cut_head.wav: ends within its WAV header"),
    ("encode good.ecdc out.ecdc", DATA, "good.ecdc: is not audio"),
    ("decode absent.ecdc out.wav", FILE, "absent.ecdc: there is no such file"),
    ("decode folder out.wav", USAGE, "folder: holds no .ecdc files"),
    ("decode empty.wav out.wav", DATA, "empty.wav: the input is empty"),
    ("decode in.wav out.wav", DATA, "in.wav: not an .ecdc file: it looks like a WAV"),
    ("decode text.wav out.wav", DATA, "text.wav: not an .ecdc file"),
    ("decode cut_head.ecdc out.wav", DATA, "cut_head.ecdc: the file ends inside its header"),
    ("decode bad_head.ecdc out.wav", DATA, "bad_head.ecdc: the file header is damaged"),
    ("info absent.ecdc", FILE, "absent.ecdc: there is no such file"),
    ("info in.wav", DATA, "in.wav: not an .ecdc file"),
    ("info folder", USAGE, "folder: is a folder without .ecdc files"),
    # outputs that cannot be
    ("encode in.wav good.ecdc", FILE, "good.ecdc: exists already; use -f"),
    ("decode good.ecdc in.wav", FILE, "in.wav: exists already; use -f"),
    ("trim good.ecdc link.ecdc -b 3k -f", FILE, "link.ecdc: is the input itself"),
    ("encode in.wav absent/out.ecdc", FILE, "absent/out.ecdc: cannot be written"),
    ("decode good.ecdc absent/out.wav", FILE, "absent/out.wav: cannot be written"),
    ("decode good.ecdc out.xyz", USAGE, "out.xyz: no format is known by this suffix; use one of .wav .flac"),
    ("decode good.ecdc out", USAGE, "out: no format is known by this suffix"),
    ("decode good.ecdc out.wav --subtype PCM_17", USAGE, "WAV cannot hold that; use one of"),
    ("decode good.ecdc out.wav --raw s17le", USAGE, "s17le"),
    ("decode good.ecdc out.wav --start inf", USAGE, "'inf' is not a time"),
    ("decode good.ecdc out.wav --device meta", USAGE, "device 'meta': holds no numbers"),
    ("encode in.wav out.ecdc --model encodec_48khz --low-latency", USAGE, "for models that stream"),
    ("decode good.ecdc out.wav --raw s16le --subtype PCM_16", USAGE, "give one of them"),
    # requests that cannot be
    (
        "encode in.wav out.ecdc -b 0.5kbps",
        USAGE,
        "0.5 kbps is not possible with base_24khz, which has 0.75, 1.5,",
    ),
    ("encode in.wav out.ecdc -b 25kbps", USAGE, "25 kbps is not possible"),
    ("encode in.wav out.ecdc -b 999", USAGE, "999 kbps is not possible"),
    ("encode in.wav out.ecdc -b abc", USAGE, "'abc' is not a rate; write 6kbps"),
    ("encode in.wav out.ecdc -b -6", USAGE, "'-6' is not a rate"),
    (
        "encode in.wav out.ecdc --levels 0",
        USAGE,
        "0 levels are not possible with base_24khz, which has 1 to 32",
    ),
    ("encode in.wav out.ecdc --levels 33", USAGE, "33 levels are not possible"),
    ("encode in.wav out.ecdc --levels 8 -b 6k", USAGE, "give one of them"),
    (
        "encode in.wav out.ecdc --model nobody",
        USAGE,
        "no model is called 'nobody': the known ones are base_24khz",
    ),
    ("decode good.ecdc out.wav --model nobody", USAGE, "no model is called 'nobody'"),
    ("encode in.wav out.ecdc --raw s16le", USAGE, "--raw needs --sample-rate and --raw-channels"),
    ("encode in.wav out.ecdc --rate 8000", USAGE, "they need --raw"),
    ("encode in.wav out.ecdc --channels 2", USAGE, "they need --raw"),
    ("encode in.wav out.ecdc --raw-channels 2", USAGE, "they need --raw"),
    ("encode in.wav out.ecdc --sample-rate 8k", USAGE, "they need --raw"),
    ("encode in.wav out.ecdc --raw u8 --rate 8k --channels 2 --raw-channels 2", USAGE, "given twice"),
    ("encode in.wav out.ecdc --raw u8 --rate 8k --raw-channels 0", USAGE, "--raw-channels 0: the number of"),
    ("encode in.wav out.ecdc --channels both", USAGE, "--channels is mix or keep"),
    ("encode in.wav out.ecdc --tag title", USAGE, "--tag takes key=value"),
    (
        "encode in.wav out.ecdc --raw s16le --rate 0 --channels 1",
        USAGE,
        "--sample-rate 0: a sample rate is 1 to",
    ),
    ("encode", USAGE, "Missing argument 'IN... [OUT]' (see codec encode --help)"),
    ("encode in.wav out.ecdc surplus", USAGE, "out.ecdc: is no recording"),
    ("encode in.wav out.ecdc --nonsense", USAGE, "--nonsense"),
    ("nonsense", USAGE, "nonsense"),
    # weights
    ("encode in.wav out.ecdc --weights absent", WEIGHTS, "absent: give them with --weights FILE"),
    ("encode in.wav out.ecdc --weights text.wav", WEIGHTS, "text.wav: not a readable safetensors file"),
    (
        "encode in.wav out.ecdc --weights missing.safetensors",
        WEIGHTS,
        "not weights of base_24khz: 1 tensors differ",
    ),
    ("decode good.ecdc out.wav --weights absent", WEIGHTS, "absent: give them with --weights FILE"),
    ("decode good.ecdc out.wav --weights text.wav", WEIGHTS, "text.wav: not a readable safetensors file"),
    ("decode good.ecdc out.wav --weights missing.safetensors", WEIGHTS, "missing.safetensors: not weights"),
]


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, small_weights: Path) -> dict[str, bytes]:
    """Files by name: in.wav and good.ecdc are good, what commands make of the others is the question."""
    folder = tmp_path_factory.mktemp("things")
    soundfile.write(folder / "in.wav", np.zeros(1000), 24_000, subtype="PCM_16")
    job = pipeline.EncodeJob(str(folder / "in.wav"), str(folder / "good.ecdc"), weights=small_weights)
    pipeline.encode(job)
    wav, good = (folder / "in.wav").read_bytes(), (folder / "good.ecdc").read_bytes()
    incomplete = write_incomplete_weights(noise_codec(seed=0), folder / "missing.safetensors")
    return {
        "in.wav": wav,
        "good.ecdc": good,
        "cut_head.wav": wav[:30],
        "cut_head.ecdc": good[:20],
        "bad_head.ecdc": good[:22] + bytes([good[22] ^ 3]) + good[23:],
        "text.wav": b"Not a recording, and not weights either.\n",
        "empty.wav": b"",
        "empty.raw": b"",
        "missing.safetensors": incomplete.read_bytes(),
    }


@pytest.fixture
def full_folder(folder: Path, things: dict[str, bytes]) -> Path:
    """The current folder with all these files in it, a link and a folder."""
    for name, content in things.items():
        (folder / name).write_bytes(content)
    (folder / "link.ecdc").symlink_to("good.ecdc")
    (folder / "folder").mkdir()
    return folder


def content(folder: Path) -> dict[str, bytes | None]:
    """Return all that is in a folder, part files too."""
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(("command", "code", "words"), REFUSALS, ids=[command for command, _, _ in REFUSALS])
def test_refused(codec: Codec, full_folder: Path, command: str, code: int, words: str) -> None:
    before = content(full_folder)
    ran = codec(*command.split())
    assert words in ran.complaint()
    assert (ran.code, ran.stdout) == (code, b"")
    assert content(full_folder) == before


def test_other_weights_are_refused_with_both_names(
    codec: Codec, full_folder: Path, other_weights: Path
) -> None:
    ran = codec("decode", "good.ecdc", "out.wav", "--weights", other_weights)
    assert ran.code == WEIGHTS
    fingerprints = re.findall(r"\b[0-9a-f]{16}\b", ran.complaint())
    assert len(set(fingerprints)) == 2
    assert fingerprints[0] in codec("info", "good.ecdc").stdout.decode()
    assert not Path("out.wav").exists()


def test_force_overwrites(codec: Codec, full_folder: Path) -> None:
    assert codec("encode", "in.wav", "cut_head.ecdc", "-f").code == 0
    assert Path("cut_head.ecdc").read_bytes() == Path("good.ecdc").read_bytes()
    assert codec("decode", "good.ecdc", "empty.wav", "-f").code == 0
    assert soundfile.info("empty.wav").frames == 1000

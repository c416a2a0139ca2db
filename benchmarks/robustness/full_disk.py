"""Write to a full or read-only disk and a full device: `python -m benchmarks.robustness.full_disk`, as root.

Every command must end with one line that names its output and exit code 4, and leave nothing behind. A folder
ends at the first file for which there is no room; on a read-only disk each fails before it is coded, code 1.
The disk is a small tmpfs that this mounts. Figures go to
full_disk.csv.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.machine import write_table

DISK = "size=32k"  # fewer bytes than any of the outputs
SECONDS = 60
CODEC = (sys.executable, "-m", "codectool")
TABLE = Path(__file__).with_suffix(".csv")
COLUMNS = ["target", "command", "exit_code", "expected", "left_behind", "said"]

# What is run in a folder with one.wav, one.ecdc, one.npz and folders `in` and `coded`; the disk is `disk`.
COMMANDS: dict[str, int] = {
    "encode one.wav disk/out.ecdc -b 24k": 4,
    "encode - disk/out.ecdc -b 24k": 4,
    "decode one.ecdc disk/out.wav": 4,
    "decode one.ecdc disk/out.flac": 4,
    "decode one.ecdc disk/out.raw --raw f32le": 4,
    "decode - disk/out.wav": 4,
    "trim one.ecdc disk/out.ecdc -b 12k": 4,
    "tokens one.ecdc disk/out.npy": 4,
    "tokens one.ecdc disk/out.npz": 4,
    "tokens one.npz disk/out.ecdc": 4,
    "encode in disk -b 24k --jobs 1": 4,
    "decode coded disk --jobs 1": 4,
}
DEVICE_COMMANDS = (
    "encode one.wav - -q",
    "decode one.ecdc - -q",
    "decode one.ecdc - -q --raw s16le",
    "info one.ecdc",
    "verify one.ecdc",
    "models",
    "encode in out --dry-run",
)


def prepare(home: Path) -> None:
    """Write what the commands read."""
    for name in ("in", "coded", "disk"):
        (home / name).mkdir()
    soundfile.write(home / "one.wav", np.random.default_rng(0).normal(0, 0.1, SECONDS * 24_000), 24_000)
    for command in ("encode one.wav one.ecdc -q -b 24k", "tokens one.ecdc one.npz -q"):
        subprocess.run([*CODEC, *command.split()], cwd=home, check=True)
    (home / "in" / "one.wav").symlink_to("../one.wav")
    (home / "coded" / "one.ecdc").symlink_to("../one.ecdc")


@contextmanager
def mounted(place: Path, *, read_only: bool) -> Iterator[None]:
    """Have a small disk at `place`."""
    options = f"{DISK},ro" if read_only else DISK
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def attempt(home: Path, command: str, output: Path | None = None) -> tuple[int, str]:
    """Run a command, its input from a pipe where it is `-`; gives its exit code and what it said."""
    arguments = command.split()
    coded = arguments[0] == "decode"
    with (
        (home / ("one.ecdc" if coded else "one.wav")).open("rb") as source,
        (output or home / "said").open("wb") as to,
    ):
        done = subprocess.run([*CODEC, *arguments], cwd=home, stdin=source, stdout=to, stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode().strip()


def main() -> None:
    """Run all, print and write the table; exit with 1 if any command did otherwise than it should."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        prepare(home)
        for target in ("full", "read-only"):
            for command, expected in COMMANDS.items():
                with mounted(home / "disk", read_only=target == "read-only"):
                    code, said = attempt(home, command)
                    if target == "read-only" and "--jobs" in command:
                        expected = 1
                    left = [path.name for path in (home / "disk").rglob("*")]
                rows.append([target, command, code, expected, " ".join(left), said.replace("\n", " | ")])
        for command in DEVICE_COMMANDS:
            code, said = attempt(home, command, Path("/dev/full"))
            rows.append(["/dev/full", command, code, 4, "", said.replace("\n", " | ")])
    write_table(TABLE, [COLUMNS, *rows])
    print(TABLE.read_text())
    sys.exit(0 if all(row[2] == row[3] and not row[4] and "codec: " in str(row[5]) for row in rows) else 1)


if __name__ == "__main__":
    main()

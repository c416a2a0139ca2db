"""A run that is killed, as a cluster may do it, goes on to the bytes of an undisturbed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.tokens.samples import files_of, tokenize, write_clips

CLIPS = 40
PROGRAM = [sys.executable, "-m", "codectool", "tokenize", "clips", "out", "--shard-items", "1", "--jobs", "2"]


def killed_in_the_middle() -> bool:
    """Begin a run, and kill all its processes once there is a shard; tell whether there was work left."""
    shutil.rmtree("out", ignore_errors=True)
    with subprocess.Popen([*PROGRAM, "-q"], start_new_session=True) as process:
        while not any(Path("out").glob("*.tar")) and process.poll() is None:
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGKILL)
    return len(list(Path("out").glob("*.tar"))) < CLIPS


def test_a_killed_run_goes_on_to_the_same_bytes(clips: Path) -> None:
    write_clips(clips, CLIPS)
    assert any(killed_in_the_middle() for _ in range(5))
    tokenize(clips, "out", shard_items=1)
    tokenize(clips, "undisturbed", shard_items=1)
    for path in Path("out").rglob(".*.part"):  # of shards that were begun
        path.unlink()
    assert files_of(Path("out")) == files_of(Path("undisturbed"))

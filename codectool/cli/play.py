"""codec play"""

from __future__ import annotations

import shutil
import subprocess
import sys

import click

from codectool.errors import CodecError, UsageError

# What plays a WAV from a pipe, in the order in which they are looked for.
PLAYERS = (
    ("ffplay", "-loglevel", "error", "-nodisp", "-autoexit", "-i", "-"),
    ("aplay", "-q", "-"),
    ("pw-play", "-"),
    ("play", "-q", "-t", "wav", "-"),
)


@click.command()
@click.argument("source", metavar="IN", type=click.Path())
@click.option("--start", metavar="TIME", help="Where to begin, as 90, 1:30 or 1:02:30.")
@click.option("--duration", metavar="TIME", help="How much to play [default: all].")
def play(source: str, start: str | None, duration: str | None) -> int:
    """Play an .ecdc file through ffplay, aplay, pw-play or sox, whichever is here."""
    player = next((command for command in PLAYERS if shutil.which(command[0])), None)
    if player is None:
        names = ", ".join(command[0] for command in PLAYERS)
        raise UsageError(f"no player is here: install one of {names}, or decode to a WAV file")
    command = [sys.executable, "-m", "codectool", "decode", "-q"]
    for option, value in (("--start", start), ("--duration", duration)):
        command += [option, value] if value is not None else []
    command += ["--", source, "-"]
    stdin = None if source == "-" else subprocess.DEVNULL  # else a key that stops the player may be lost
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE) as decoding:
        played = subprocess.run(player, stdin=decoding.stdout, check=False)
        assert decoding.stdout is not None
        decoding.stdout.close()  # a player that has left ends the decoding
    if decoding.returncode == 0 and played.returncode:
        raise CodecError(f"{player[0]} ended with exit code {played.returncode}")
    return decoding.returncode

"""The codecs under comparison, each run as its user would: a command that encodes and one that decodes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import soundfile

import codectool
from codectool.errors import CodecError, DataError, FileError, UsageError, WeightsError
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.quality.signals import read_audio, resample

BUILT_IN_KINDS: Mapping[int, type[CodecError]] = {
    kind.exit_code: kind for kind in (UsageError, DataError, FileError, WeightsError)
}
NO_KINDS: Mapping[int, type[CodecError]] = {}


@dataclass(frozen=True)
class Trip:
    """What came of one trip through a codec: the decoded WAV file and the size of the encoded one."""

    decoded: Path
    bytes_written: int


class Codec(Protocol):
    """A codec that tables can hold.

    `rates_bps` are the nominal rates to run it at; `compensates_delay` says that its decoder takes its
    own delay out, so that a lag is a fault to be shown and not one to be corrected.
    """

    @property
    def name(self) -> str: ...

    @property
    def rates_bps(self) -> tuple[int, ...]: ...

    @property
    def compensates_delay(self) -> bool: ...

    def missing(self) -> str | None:
        """Name the command that is not installed, or None when all is there."""

    def version(self) -> str:
        """Say which program and version this is, in one line."""

    def roundtrip(self, source: Path, rate_bps: int, workdir: Path) -> Trip:
        """Encode a WAV file of 1 or 2 channels and decode it, both files in `workdir`; raises CodecError."""


@dataclass(frozen=True)
class BuiltInCodec:
    """codectool itself, as a fresh process for each file."""

    rates_bps: tuple[int, ...]
    name: str = DEFAULT_MODEL
    weights: Path | None = None
    compensates_delay: bool = True

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"codectool {codectool.__version__}, weights {self._weights_told_apart()}"

    def _weights_told_apart(self) -> str:
        if not self.weights:
            return find(self.name).fingerprint.hex()  # which the files carry and decoding insists on
        return f"{self.weights.name} sha256 {hashlib.sha256(self.weights.read_bytes()).hexdigest()}"

    def roundtrip(self, source: Path, rate_bps: int, workdir: Path) -> Trip:
        encoded, decoded = workdir / "built_in.ecdc", workdir / "built_in.wav"
        command = [sys.executable, "-m", "codectool"]
        choice = ["--model", self.name, *(["--weights", str(self.weights)] if self.weights else [])]
        rate = f"{rate_bps / 1000:g}kbps"
        _run([*command, "encode", str(source), str(encoded), "-b", rate, "-q", "-f", *choice], BUILT_IN_KINDS)
        _run([*command, "decode", str(encoded), str(decoded), "-q", "-f", *choice], BUILT_IN_KINDS)
        return Trip(decoded, encoded.stat().st_size)


@dataclass(frozen=True)
class OpusCodec:
    """Opus by opus-tools at its defaults (variable rate, best effort), without tags or room for them."""

    name: str = "opus"
    rates_bps: tuple[int, ...] = (6_000, 12_000, 16_000, 24_000)
    compensates_delay: bool = False  # opusdec drops the pre-skip, but the speech mode lags a little more

    def missing(self) -> str | None:
        return _first_missing("opusenc", "opusdec")

    def version(self) -> str:
        return _first_line(["opusenc", "--version"])

    def roundtrip(self, source: Path, rate_bps: int, workdir: Path) -> Trip:
        encoded, decoded = workdir / "peer.opus", workdir / "opus.wav"
        lean = ["--padding", "0", "--discard-comments", "--discard-pictures"]
        _run(["opusenc", "--quiet", *lean, "--bitrate", f"{rate_bps / 1000:g}", str(source), str(encoded)])
        _run(["opusdec", "--quiet", "--float", str(encoded), str(decoded)])
        return Trip(decoded, encoded.stat().st_size)


@dataclass(frozen=True)
class Mp3Codec:
    """MP3 by LAME at a constant rate; at these rates LAME itself picks a lower sample rate."""

    name: str = "mp3"
    rates_bps: tuple[int, ...] = (16_000, 24_000, 32_000)
    compensates_delay: bool = False  # at low sample rates `lame --decode` leaves a granule of delay

    def missing(self) -> str | None:
        return _first_missing("lame")

    def version(self) -> str:
        return _first_line(["lame", "--version"])

    def roundtrip(self, source: Path, rate_bps: int, workdir: Path) -> Trip:
        encoded, decoded = workdir / "peer.mp3", workdir / "mp3.wav"
        rate = ["--cbr", "-b", f"{rate_bps // 1000}"]
        _run(["lame", "--silent", *rate, str(source), str(encoded)])
        _run(["lame", "--silent", "--decode", str(encoded), str(decoded)])
        return Trip(decoded, encoded.stat().st_size)


@dataclass(frozen=True)
class UncodedCodec:
    """The recording mixed to mono, as 16-bit PCM at the built-in model's rate: the most it can reach."""

    name: str = "uncoded"
    rate_hz: int = find(DEFAULT_MODEL).sample_rate_hz
    compensates_delay: bool = True

    @property
    def rates_bps(self) -> tuple[int, ...]:
        return (16 * self.rate_hz,)

    def missing(self) -> str | None:
        return None

    def version(self) -> str:
        return f"16-bit PCM at {self.rate_hz} Hz"

    def roundtrip(self, source: Path, rate_bps: int, workdir: Path) -> Trip:
        decoded = workdir / "uncoded.wav"
        recording = read_audio(source)
        signal = resample(recording.audio[0], recording.rate_hz, self.rate_hz)
        soundfile.write(decoded, signal, self.rate_hz, subtype="PCM_16")
        return Trip(decoded, 2 * len(signal))


PEERS: dict[str, Codec] = {"opus": OpusCodec(), "mp3": Mp3Codec(), "uncoded": UncodedCodec()}
STEREO_PEERS: dict[str, Codec] = {  # at rates for two channels
    "opus": OpusCodec(rates_bps=(24_000, 32_000, 48_000, 64_000)),
    "mp3": Mp3Codec(rates_bps=(64_000, 96_000)),
}


def choose_peers(against: str | None, stereo: bool = False) -> tuple[list[Codec], list[str]]:
    """Return the codecs of a list of names with commas, and a note on each that is not installed.

    With `stereo` they have rates for two channels. UsageError for a name that is not known.
    """
    codecs, notes = [], []
    for name in dict.fromkeys(against.split(",")) if against is not None else ():
        peer = PEERS.get(name.strip())
        peer = STEREO_PEERS.get(name.strip(), peer) if stereo else peer
        if peer is None:
            raise UsageError(f"`against={name!r}`: not a codec known here; known are {', '.join(PEERS)}")
        if command := peer.missing():
            notes.append(f"{peer.name} left out: no command {command} on this machine")
        else:
            codecs.append(peer)
    return codecs, notes


def _first_missing(*commands: str) -> str | None:
    return next((command for command in commands if not shutil.which(command)), None)


def _first_line(command: Sequence[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0].strip()


def _run(command: Sequence[str], kinds: Mapping[int, type[CodecError]] = NO_KINDS) -> None:
    """Run a command; where it fails, raise the kind its exit code stands for, with its last words."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"{command[0]} ended with exit code {done.returncode}"]
        # codectool is a command like any other, and names itself; whoever reports this does so again.
        raise kinds.get(done.returncode, CodecError)(words[-1].removeprefix("codec: "))

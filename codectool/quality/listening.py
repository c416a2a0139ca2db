"""`codec listen` as a job: recordings, what codecs make of them, and the page that plays both."""

from __future__ import annotations

import base64
import io
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from codectool import __version__
from codectool.audio.mix import mix_to_mono
from codectool.audio.pcm import Block
from codectool.errors import UsageError
from codectool.files.outputs import open_atomic
from codectool.models.loaded import LoadedModel
from codectool.models.loading import RunsModel, load
from codectool.models.registry import DEFAULT_MODEL, ModelEntry, find
from codectool.quality.codecs import Codec, choose_peers
from codectool.quality.excerpts import (
    Excerpt,
    fitted,
    low_pass_anchor,
    read_excerpt,
    resampled,
    through_peer,
)
from codectool.quality.job import parse_rates
from codectool.quality.levels import decode_levels, encode_all_levels, read_codes, shades_of, usual_levels
from codectool.quality.loudness import gain_db_to_match
from codectool.quality.mel import mel_distance_db
from codectool.quality.metrics import METRICS, Scores, available_metrics, score, si_sdr_db
from codectool.quality.page import assemble
from codectool.quality.sources import find_sources

PAGE_RATE_HZ = 48_000  # of all sounds in a page, so that a browser treats them alike
RECORDINGS_MAX = 12
DURATION_MAX_S = 60.0
PAGE_MAX_BYTES = 64 << 20  # what a phone still opens
CURVE_POINTS = 10  # besides those of the dial
SLOW_METRICS = ("visqol",)  # 2 s of a core for 8 s of audio, and without numba 22
SCORES = ("quick", "all", "none")

Facts = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class ListenJob(RunsModel):
    """What a page is to hold: excerpts of the recordings in `paths`, files or folders, and their versions.

    `rates` (kbps, comma-separated) are those of the model, by default numbers of levels that double;
    `against` names peers, each at its own rates. `scores` is quick, all (ViSQOL too) or none.
    """

    paths: tuple[Path, ...]
    target: Path
    rates: str | None = None
    against: str | None = None
    model: str = DEFAULT_MODEL
    start_s: float = 0.0
    duration_s: float = 8.0
    scores: str = "quick"
    force: bool = False


@dataclass(frozen=True)
class PageResult:
    """What was written, and what a reader should know about it."""

    recordings: int
    versions: int
    file_bytes: int
    notes: tuple[str, ...]


def make_page(job: ListenJob, progress: Progress = lambda _: None) -> PageResult:
    """Write the page of a job; `progress` is told what is being done.

    Raises UsageError for a request that cannot be met, and what reading, coding and writing raise.
    """
    entry = find(job.model)
    levels = _levels(job, entry)
    peers, notes = choose_peers(job.against)
    keys, missing = available_metrics() if job.scores != "none" else ((), ())
    keys = tuple(key for key in keys if job.scores == "all" or key not in SLOW_METRICS)
    notes += missing
    sources = find_sources(job.paths)
    if len(sources) > RECORDINGS_MAX:
        raise UsageError(f"{len(sources)} recordings are too many for a page: give {RECORDINGS_MAX} at most")
    with open_atomic(job.target, overwrite=job.force) as file:
        model = load(job.model, *job.how)
        maker = _Maker(model, levels, peers, keys)
        recordings = []
        for source in sources:
            progress(source.name)
            excerpt = read_excerpt(source.path, source.name, job.start_s, job.duration_s, entry.channels)
            recordings.append(maker.recording(excerpt))
        page = assemble(_page_facts(entry, recordings, notes))
        if len(page) > PAGE_MAX_BYTES:
            raise UsageError(
                f"the page would have {len(page) >> 20} MiB, and {PAGE_MAX_BYTES >> 20} at most open "
                "everywhere: give fewer recordings or rates, or a shorter `duration_s`"
            )
        file.write(page)
    versions = sum(len(recording["versions"]) for recording in recordings)
    return PageResult(len(recordings), versions, len(page), tuple(notes))


def _levels(job: ListenJob, entry: ModelEntry) -> tuple[int, ...]:
    if job.scores not in SCORES:
        raise UsageError(f"`scores={job.scores!r}`: choose from {', '.join(SCORES)}")
    if not (0 < job.duration_s <= DURATION_MAX_S and 0 <= job.start_s < math.inf):
        raise UsageError(f"`duration_s` is up to {DURATION_MAX_S:g} s, and `start_s` is from 0 on")
    if job.rates is None:
        return usual_levels(entry)
    return tuple(sorted({entry.levels_for(rate_bps) for rate_bps in parse_rates(job.rates)}))


def _page_facts(entry: ModelEntry, recordings: list[Facts], notes: Sequence[str]) -> Facts:
    return {
        "made_by": f"codectool {__version__}",
        "rate_hz": PAGE_RATE_HZ,
        "model": {
            "name": entry.name,
            "rate_hz": entry.sample_rate_hz,
            "frame_rate_hz": entry.frame_rate_hz,
            "levels": entry.levels,
            "level_bps": entry.level_bps,
            "codebook_size": entry.codebook_size,
        },
        "metrics": [{"key": one.key, "title": one.title, "digits": one.digits} for one in METRICS],
        "recordings": recordings,
        "notes": list(notes),
    }


@dataclass(frozen=True)
class _Maker:
    """Makes a page's facts of one recording after another."""

    model: LoadedModel
    levels: tuple[int, ...]
    peers: Sequence[Codec]
    metrics: tuple[str, ...]

    def recording(self, excerpt: Excerpt) -> Facts:
        with tempfile.TemporaryDirectory(prefix="codec-listen-") as folder:
            path = Path(folder, "excerpt.wav")
            soundfile.write(path, excerpt.audio.T, excerpt.rate_hz, subtype="PCM_24")
            coded = encode_all_levels(path, self.model)
            codes = read_codes(coded)
            versions = [_version("original", "Original", excerpt, excerpt.audio)]
            anchor = low_pass_anchor(excerpt)
            versions.append(_version("anchor", "3.5 kHz low-pass", excerpt, anchor))
            curve = []
            for decoded in decode_levels(coded, self.model, self._levels_of_curve()):
                audio = fitted(decoded.audio, excerpt.audio.shape)
                curve.append({"levels": decoded.levels} | self._errors(excerpt, audio))
                if decoded.levels in self.levels:
                    versions.append(self._coded(excerpt, decoded.levels, audio, decoded.file_bytes))
            versions += self._of_peers(excerpt, path)
        return {
            "name": excerpt.name,
            "tags": dict(excerpt.tags),
            "start_s": excerpt.start_s,
            "duration_s": excerpt.duration_s,
            "rate_hz": excerpt.rate_hz,
            "channels": excerpt.audio.shape[0],
            "pcm_bytes": excerpt.pcm_bytes,
            "frames": codes.shape[1],
            "codes": _base64(codes.astype("<u2").tobytes()),
            "shades": _base64(shades_of(codes, self.model.entry, self.model.weights_path).tobytes()),
            "curve": curve,
            "versions": versions,
        }

    def _levels_of_curve(self) -> list[int]:
        """Numbers of levels that are spread evenly by ratio, and those of the dial."""
        choices = self.model.entry.level_choices
        places = np.unique(np.round(np.geomspace(1, len(choices), CURVE_POINTS)).astype(int)) - 1
        return sorted({*(choices[place] for place in places), *self.levels})

    def _errors(self, excerpt: Excerpt, audio: Block) -> Facts:
        """Distances from the original within the model's band."""
        rate_hz = min(self.model.entry.sample_rate_hz, excerpt.rate_hz)
        reference, decoded = (
            resampled(mix_to_mono(one), excerpt.rate_hz, rate_hz)[0] for one in (excerpt.audio, audio)
        )
        ratio_db = si_sdr_db(reference, decoded, rate_hz)
        return {
            "error_db": None if ratio_db is None else -ratio_db,
            "mel_db": mel_distance_db(reference, decoded, rate_hz),
        }

    def _coded(self, excerpt: Excerpt, levels: int, audio: Block, file_bytes: int) -> Facts:
        nominal_bps = levels * self.model.entry.level_bps
        facts = _version("model", f"{nominal_bps / 1000:.3g} kbps", excerpt, audio)
        facts |= {"codec": self.model.entry.name, "levels": levels, "nominal_bps": nominal_bps}
        return facts | {"bytes": file_bytes, "scores": self._scores(excerpt, audio)}

    def _of_peers(self, excerpt: Excerpt, path: Path) -> Iterator[Facts]:
        for codec in self.peers:
            for rate_bps in codec.rates_bps:
                audio, file_bytes = through_peer(excerpt, codec, rate_bps, path)
                facts = _version("peer", f"{codec.name} {rate_bps / 1000:g} kbps", excerpt, audio)
                facts |= {"codec": codec.name, "nominal_bps": rate_bps, "bytes": file_bytes}
                yield facts | {"scores": self._scores(excerpt, audio)}

    def _scores(self, excerpt: Excerpt, audio: Block) -> Scores:
        reference, decoded = (mix_to_mono(one)[0] for one in (excerpt.audio, audio))
        return score(reference, decoded, excerpt.rate_hz, self.metrics)


def _version(kind: str, label: str, excerpt: Excerpt, audio: Block) -> Facts:
    """Give the facts that every version has: its sound as FLAC, and the gain that makes it as loud."""
    gain_db = gain_db_to_match(excerpt.audio, audio, excerpt.rate_hz)
    sound = resampled(audio, excerpt.rate_hz, PAGE_RATE_HZ)
    file = io.BytesIO()
    whole = np.round(np.clip(sound, -1, 1 - 2**-15) * 2**15).astype(np.int16)
    soundfile.write(file, whole.T, PAGE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return {"kind": kind, "label": label, "gain_db": gain_db, "flac": _base64(file.getvalue())}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

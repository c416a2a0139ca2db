"""`codec eval` as a job: what was asked, checked and run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from codectool.audio.pcm import RATE_MAX_HZ
from codectool.errors import CodecError, FileError, UsageError
from codectool.files.outputs import open_atomic
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.quality.codecs import BuiltInCodec, Codec, choose_peers
from codectool.quality.metrics import METRICS, available_metrics
from codectool.quality.plot import check_plot, draw_plot
from codectool.quality.provenance import provenance
from codectool.quality.report import Failure, Report
from codectool.quality.sources import find_sources, match_folders
from codectool.quality.stereo import ALL_METRICS
from codectool.quality.sweep import CodecPoint, PairPoint, measure_codec, measure_pair, run_all
from codectool.quality.table import Measurement

REFERENCE_RATE_MIN_HZ = 8000  # below, the shortest windows of the mel distance would hold next to nothing


@dataclass(frozen=True)
class EvalJob:
    """What `codec eval` was asked for.

    With neither `rates` nor `against`, `paths` are a reference and its decoded version, files or folders.
    Otherwise they are recordings to run through codecs: the built-in model at the `rates` (kbps, comma-
    separated) and the peers in `against` (names, comma-separated) each at its own rates, brought to
    `reference_rate_hz` first if it is given, so that none is charged for sound above that band. With `stereo`
    two channels are kept, coded together and scored, and else mixed.
    """

    paths: tuple[Path, ...]
    rates: str | None = None
    against: str | None = None
    csv: Path | None = None
    plot: Path | None = None
    model: str | None = None
    weights: Path | None = None
    reference_rate_hz: int | None = None
    stereo: bool = False
    jobs: int = 1
    align: bool = False
    force: bool = False
    quiet: bool = False

    @property
    def runs_codecs(self) -> bool:
        return self.rates is not None or self.against is not None

    def available_metrics(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys of the metrics that can be computed here, and a line for each that cannot."""
        return available_metrics(ALL_METRICS if self.stereo else METRICS)


def evaluate(job: EvalJob) -> Report:
    """Run a job to its report.

    Files that cannot be scored are in the report's failures. Raises UsageError, FileError or DataError before
    any work where the request cannot be met, and WeightsError where the built-in model has no weights.
    """
    _check_request(job)
    return _compare_codecs(job) if job.runs_codecs else _compare_pairs(job)


def write_files(job: EvalJob, report: Report) -> None:
    """Write the CSV and the plot that a job asks for; FileError where that fails."""
    if job.csv:
        with open_atomic(job.csv, overwrite=job.force) as file:
            file.write(report.csv().encode(errors="backslashreplace"))
    if job.plot and report.measurements:
        with open_atomic(job.plot, overwrite=job.force) as file:
            file.write(draw_plot(report.rows, job.plot.suffix))


def parse_rates(text: str) -> tuple[int, ...]:
    """Read rates such as `1.5,3,6` (kbps) as bits per second; raises UsageError."""
    try:
        rates_bps = tuple(round(1000 * float(part.strip().removesuffix("kbps"))) for part in text.split(","))
    except (ValueError, OverflowError):
        rates_bps = ()
    if not rates_bps or min(rates_bps) <= 0:
        raise UsageError(f"`rates={text!r}`: give rates in kbps with commas between, such as 1.5,3,6")
    return tuple(dict.fromkeys(rates_bps))


def choose_codecs(job: EvalJob) -> tuple[list[Codec], list[str]]:
    """Set up the codecs of a job; a peer that is not installed is left out, with a line that says so."""
    codecs: list[Codec] = []
    if job.rates is not None:
        model = find(job.model or DEFAULT_MODEL)
        codecs.append(BuiltInCodec(parse_rates(job.rates), model.name, job.weights))
    peers, notes = choose_peers(job.against, job.stereo)
    codecs += peers
    if not codecs:
        raise UsageError("; ".join(notes) + ": no codec left to run")
    return codecs, notes


def _check_request(job: EvalJob) -> None:
    if job.jobs < 1:
        raise UsageError(f"`jobs={job.jobs}`: give 1 or more")
    if not job.runs_codecs and (job.plot or job.model or job.weights or job.reference_rate_hz):
        raise UsageError("`plot`, `model`, `weights` and `reference_rate_hz` go with `rates` or `against`")
    rate_hz = job.reference_rate_hz
    if rate_hz is not None and not REFERENCE_RATE_MIN_HZ <= rate_hz <= RATE_MAX_HZ:
        raise UsageError(f"`reference_rate_hz={rate_hz}`: choose {REFERENCE_RATE_MIN_HZ} to {RATE_MAX_HZ} Hz")
    if job.runs_codecs and job.align:
        raise UsageError(
            "`align` goes with a reference and its decoded version; codecs run here are aligned as each needs"
        )
    if job.weights and not job.weights.is_file():
        raise FileError(f"{job.weights}: no such file")
    for path in (job.csv, job.plot):
        if path and path.is_dir():
            raise FileError(f"{path}: is a folder; name a file to write")
        if path and path.exists() and not job.force:
            raise FileError(f"{path}: already exists; `force=True` replaces it")
        if path and not path.absolute().parent.is_dir():
            raise FileError(f"{path}: no such folder to write it in")
    if job.plot:
        check_plot(job.plot)


def _compare_codecs(job: EvalJob) -> Report:
    codecs, left_out = choose_codecs(job)
    sources = find_sources(job.paths)
    keys, missing = job.available_metrics()
    points = [
        CodecPoint(source, codec, rate_bps, keys, job.reference_rate_hz, job.stereo)
        for source in sources  # one file through everything before the next
        for codec in codecs
        for rate_bps in codec.rates_bps
    ]
    results = _watched(run_all(measure_codec, points, job.jobs), len(points), job.quiet)
    late = [codec.name for codec in codecs if not codec.compensates_delay]
    told = f"{', '.join(late)}: brought to the rate, start and length of the recording before scoring"
    notes = [told] if late else []
    machine = provenance(codecs)
    if job.reference_rate_hz is not None:
        machine["references"] = f"resampled to {job.reference_rate_hz} Hz"
    if job.stereo:
        machine["channels"] = "two are kept: scores are means of both, and mono recordings have one"
    return _report(list(results), [*missing, *notes], machine, left_out)


def _compare_pairs(job: EvalJob) -> Report:
    if len(job.paths) != 2:
        raise UsageError("give a reference and its decoded version, or `rates` to run codecs over recordings")
    reference, decoded = job.paths
    for path in job.paths:
        if not path.exists():
            raise FileError(f"{path}: no such file or folder")
    if reference.is_dir() != decoded.is_dir():
        raise UsageError(f"{reference} and {decoded}: give two files or two folders")
    keys, missing = job.available_metrics()
    if not reference.is_dir():
        point = PairPoint(find_sources([reference])[0], decoded, job.align, keys, job.stereo)
        result = measure_pair(point)
        if isinstance(result, Failure):
            raise result.error
        return _report([result], missing, provenance())
    pairs, lone_references, lone_decoded = match_folders(reference, decoded)
    points = [PairPoint(source, path, job.align, keys, job.stereo) for source, path in pairs]
    results = list(_watched(run_all(measure_pair, points, job.jobs), len(points), job.quiet))
    results += [Failure(name, CodecError("no decoded file of this name")) for name in lone_references]
    extra = [f"{decoded / name}: has no reference, left out" for name in lone_decoded]
    return _report(results, [*missing, *extra], provenance())


def _watched(
    results: Iterator[Measurement | Failure], total: int, quiet: bool
) -> Iterator[Measurement | Failure]:
    """Show progress on stderr, where that is a terminal."""
    yield from tqdm(results, total=total, unit="file", leave=False, disable=True if quiet else None)


def _report(
    results: Sequence[Measurement | Failure],
    notes: Sequence[str],
    machine: dict[str, str],
    left_out: Sequence[str] = (),
) -> Report:
    measurements = [result for result in results if isinstance(result, Measurement)]
    failures = [result for result in results if isinstance(result, Failure)]
    return Report(measurements, failures, notes, machine, left_out)

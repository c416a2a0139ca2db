"""codec tokenize"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codectool.cli.folders import WORKERS_MAX, open_report
from codectool.cli.options import Rate, model_options, say, show
from codectool.engines.threads import usable_cores
from codectool.errors import UsageError
from codectool.models.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from codectool.tokens.running import Tell, Totals

# Number of this process and of all, by whoever starts many: torchrun, which Slurm may start, and Slurm.
PARTS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))


class Part(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A part such as 3/8, counted from 0."""

    name = "part"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return its number and how many there are."""
        if isinstance(value, tuple):
            return value
        number, slash, count = str(value).partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and int(number) < int(count)):
            self.fail(f"{value!r} is no part; write 0/8 to 7/8", param, ctx)
        return int(number), int(count)


@click.command()
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUT")
@click.option(
    "--format",
    "form",
    default="wds",
    show_default=True,
    type=click.Choice(["wds", "parquet", "shar", "jsonl", "npy"]),
    help="Of the shards.",
)
@click.option("-b", "--bitrate", "rate_bps", type=Rate(), help="Bit rate of the codes [default: 6kbps].")
@click.option("--levels", type=int, help="Number of codebook levels, instead of a rate.")
@click.option(
    "--shard-items", type=click.IntRange(1), default=1000, show_default=True, help="Recordings in a shard."
)
@click.option(
    "--shard",
    "part",
    type=Part(),
    metavar="I/N",
    help="Write every Nth shard only, from I on [default: by SLURM_PROCID, or RANK, else all].",
)
@click.option("--jobs", type=click.IntRange(1, WORKERS_MAX), help="Processes [default: one a core].")
@click.option("--runner", type=click.Choice(["here", "ray"]), default="here", help="Where the work is done.")
@click.option("--address", help="Ray: the cluster to use [default: one on this machine].")
@click.option(
    "--check", type=click.IntRange(0), default=0, metavar="N", help="Encode N again alone, and compare."
)
@click.option("--retry-failed", "retry", is_flag=True, help="Write shards anew in which recordings failed.")
@click.option("--keep-paths", is_flag=True, help="Pass the paths of the recordings through.")
@model_options(DEFAULT_MODEL)
@click.option("--report", metavar="FILE", help="Append a line of JSON to FILE for every shard.")
@click.option("-f", "--force", "overwrite", is_flag=True, help="Write a data set anew that is there.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def tokenize(
    source: str,
    target: str,
    part: tuple[int, int] | None,
    jobs: int | None,
    runner: str,
    address: str | None,
    check: int,
    report: str | None,
    quiet: bool,
    **given: Any,
) -> int:
    """Turn recordings into shards of tokens that language models are trained on, in the folder OUT.

    INPUT is a folder, a list, a JSONL manifest (- is stdin), a tar, Parquet, audio or .ecdc file. The same
    command again does what is left. `codec decode OUT BACK` turns the tokens back into sound.
    """
    if given["levels"] is not None and given["rate_bps"] is not None:
        raise click.UsageError("--levels and --bitrate say the same thing; give one of them")
    if address is not None and runner != "ray":
        raise click.UsageError("--address is that of a Ray cluster: add --runner ray")
    from codectool.tokens.jobs import TokenizeJob
    from codectool.tokens.running import run

    if check and source == "-":
        raise click.UsageError("--check reads INPUT again, which stdin cannot be: name a file")
    job = TokenizeJob(
        source,
        target,
        part=part or part_of(os.environ),
        workers=jobs or _workers(given["device"]),
        **given | {"device": device_of(given["device"], os.environ)},
    )
    with ExitStack() as opened:
        lines = open_report(report, opened)
        tell = opened.enter_context(_shown(job.target, quiet, lines))
        if runner == "ray":
            from codectool.tokens.ray_runner import RayRunner

            totals = run(job, tell, opened.enter_context(RayRunner(jobs, address)))
        else:
            totals = run(job, tell)
    say(_summary(job.target, totals, job.part), quiet)
    differing = _check(job, check) if check else 0
    return 1 if totals.failed or differing else 0


def part_of(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return the part that a launcher of many processes has given this one; (0, 1) without one."""
    for number, count in PARTS:
        if environment.get(number, "").isdecimal() and environment.get(count, "").isdecimal():
            part = int(environment[number]), int(environment[count])
            if part[0] >= part[1]:
                raise UsageError(f"{number}={part[0]} is not below {count}={part[1]}: say --shard I/N")
            if part[1] > 1:
                return part
    return 0, 1


def device_of(device: str, environment: Mapping[str, str]) -> str:
    """Return the GPU that is this process's where torchrun has started one for each."""
    local = environment.get("LOCAL_RANK", "")
    return f"cuda:{local}" if device == "cuda" and local.isdecimal() else device


def _workers(device: str) -> int:
    return usable_cores() if device == "cpu" else 1


@contextmanager
def _shown(target: str, quiet: bool, lines: Any) -> Iterator[Tell]:
    """Give a function that shows progress on a terminal, says what failed, and writes the report."""
    from dataclasses import asdict

    from tqdm import tqdm

    started_s = time.perf_counter()
    hours = 0.0
    with tqdm(
        desc=Path(target).name, unit=" shards", disable=quiet or not sys.stderr.isatty(), leave=False
    ) as bar:

        def tell(written: Any, is_new: bool) -> None:
            nonlocal hours
            hours += written.duration_s / 3600 if is_new else 0.0
            for error in written.errors:
                bar.clear()
                say(f"{error['id']}: {error['reason']}")
            if lines is not None:
                status = "done" if is_new else "skipped"
                lines.write(json.dumps({"status": status, **asdict(written)}).encode() + b"\n")
            elapsed_s = time.perf_counter() - started_s
            bar.set_postfix_str(
                f"{hours:.2f} hours of audio, {hours / elapsed_s:.3f} a second", refresh=False
            )
            bar.update()

        yield tell


def _summary(target: str, totals: Totals, part: tuple[int, int]) -> str:
    parts = [
        f"{target}: {_counted(totals.items, 'recording')}, {totals.duration_s / 3600:.3f} hours, "
        f"{_counted(totals.frames, 'frame')}",
        _counted(totals.shards, "shard"),
    ]
    if totals.skipped:
        parts.append(f"{totals.skipped} of them there already")
    if totals.failed:
        parts.append(f"{_counted(totals.failed, 'recording')} failed")
    if not totals.complete:
        parts.append(f"this was part {part[0]}/{part[1]}, others are missing yet")
    return ", ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _check(job: Any, count: int) -> int:
    """Say how many codes differ from those of single files; return how many do."""
    from codectool.tokens.checking import check

    result = check(job, count)
    alone = f"{_counted(result.items, 'recording')} alone"
    show(f"{alone}: {result.differing_codes} of {result.codes} codes differ")
    return result.differing_codes

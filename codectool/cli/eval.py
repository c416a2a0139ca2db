"""`codec eval`: how good decoded audio is, and at what rate."""

from __future__ import annotations

from pathlib import Path

import click

from codectool.cli.options import say, show

PATH = click.Path(path_type=Path)


@click.command("eval")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="REF DEC | FILES_OR_FOLDERS...")
@click.option(
    "--rates", metavar="KBPS,...", help="Run the built-in model at these rates, such as 1.5,3,6,12,24."
)
@click.option("--against", metavar="NAME,...", help="Run these too, each at its own rates: opus,mp3,uncoded.")
@click.option("--model", metavar="NAME", help="The model to run.")
@click.option("--weights", type=PATH, metavar="FILE", help="The weights to run it with.")
@click.option(
    "--reference-rate",
    "reference_rate_hz",
    type=int,
    metavar="HZ",
    help="Bring recordings to this rate first, so that no codec is charged for what lies above its band.",
)
@click.option(
    "--stereo", is_flag=True, help="Keep two channels: score both, and the side signal between them."
)
@click.option("--align", is_flag=True, help="Take a constant delay out of DEC before scoring it.")
@click.option("--jobs", type=int, default=1, show_default=True, metavar="N", help="Files scored at a time.")
@click.option("--csv", type=PATH, metavar="FILE", help="Write the table with the machine and versions.")
@click.option("--plot", type=PATH, metavar="FILE.png", help="Draw quality against rate (needs matplotlib).")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, down to single files.")
@click.option("-f", "--force", is_flag=True, help="Replace FILE where it exists.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no remarks.")
def eval_command(as_json: bool, **options: object) -> None:
    """Score decoded audio against its reference: PESQ, STOI, ViSQOL, SI-SDR and mel distance.

    REF and DEC are two files, or two folders in which files have the same names but for the suffix. With
    --rates or --against, the paths are recordings to run through codecs instead, and a table shows the mean
    scores by codec, rate and kind; a file's kind is the subfolder it lies in (speech, music, ...). The codec
    uncoded is the recording itself at 24 kHz, the most that a codec at that rate can reach.

    Higher is better, but for the mel distance. Channels are mixed to one before comparing; with --stereo two
    are kept, scores are means of both, and a mono recording has one. Then there are ViSQOL of the side signal
    (half the difference of the channels; 1 where it is lost), the error of the side-to-mid level in octave
    bands from 63 Hz to 16 kHz, as the mean of its size and the largest, in dB (40 where the side is lost;
    bands count in which the side is above -60 dB of full scale and not over 25 dB below the mid), and of
    recordings with two equal channels the share that came back equal.
    """
    from codectool.quality.job import EvalJob, evaluate, write_files

    job = EvalJob(**options)  # type: ignore[arg-type]
    report = evaluate(job)
    show(report.json() if as_json else report.text())
    write_files(job, report)
    for remark in report.remarks():
        say(remark, job.quiet)
    for complaint in report.complaints():
        say(complaint)
    report.raise_for_failures()

"""codec tokens"""

from __future__ import annotations

import json
from pathlib import Path

import click

from codectool.cli.operands import pair_operands, pair_option
from codectool.cli.options import SampleRate, known_models, refuse_json_beside, say, show


@click.command()
@pair_option
@click.option("--model", shell_complete=known_models, help="Whose codes they are, if IN does not say.")
@click.option("--weights", type=click.Path(path_type=Path), help="Its weights, where others are meant.")
@click.option(
    "--sample-rate",
    "--rate",
    "rate_hz",
    type=SampleRate(),
    help="Sample rate of the recording, if IN does not say.",
)
@click.option("--samples", type=click.IntRange(0), help="Its length [default: all that the codes make].")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def tokens(
    names: tuple[str, ...],
    output: str | None,
    model: str | None,
    weights: Path | None,
    rate_hz: int | None,
    samples: int | None,
    as_json: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Take codes out of an .ecdc file, to .npy or .npz (int16 [levels, frames]), or put them back.

    .npz says all that an .ecdc file needs, in the keys codes, model, fingerprint, model_rate_hz, hop_samples,
    bits_per_code, original_rate_hz, original_channels, frames_per_packet and total_samples, and where there
    are any, scales and tags; codebook_names says which codebooks mean something. --model gives what is
    missing, so codes from elsewhere, as [levels, frames] or [1, levels, frames], become a file: codec tokens
    --model encodec_24khz codes.npy out.ecdc
    """
    source, target = pair_operands(names, output, force)
    refuse_json_beside(target, as_json)
    from codectool.tokens.npz import TokensJob
    from codectool.tokens.npz import tokens as convert

    shape = convert(TokensJob(source, target, force, model, weights, rate_hz, samples))
    if as_json:
        show(json.dumps({"file": source, "output": target, "shape": shape}))
    else:
        say(f"{target}: codes {' x '.join(map(str, shape))}", quiet)

"""codec models"""

from __future__ import annotations

import json

import click

TOKEN_WINDOW_S = 30  # the usual context when tokens are counted


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a model.")
def models(as_json: bool) -> None:
    """List the models, what they do, and where their weights are."""
    from codectool.models.registry import MODELS
    from codectool.models.search import weights_in_place

    for entry in MODELS.values():
        place = weights_in_place(entry)
        facts = {
            "name": entry.name,
            "sample_rate_hz": entry.sample_rate_hz,
            "channels": entry.channels,
            "frame_rate_hz": entry.frame_rate_hz,
            "levels": entry.levels,
            "bits_a_token": entry.code_bits,
            "tokens_a_second": entry.frame_rate_hz * entry.levels,
            f"tokens_in_{TOKEN_WINDOW_S}_s": entry.frame_rate_hz * entry.levels * TOKEN_WINDOW_S,
            "bitrates_kbps": [entry.level_bps / 1000, entry.level_bps * entry.levels / 1000],
            "causal": entry.causal,
            "latency_ms": round(1000 * entry.latency_samples / entry.sample_rate_hz, 1),
            "parameters": entry.parameters,
            "licence": entry.licence,
            "fingerprint": entry.fingerprint.hex(),
            "weights": str(place) if place else None,
        }
        if as_json:
            click.echo(json.dumps(facts))
        else:
            for name, value in facts.items():
                click.echo(f"{name.replace('_', ' '):24} {value if value is not None else 'not here'}")
